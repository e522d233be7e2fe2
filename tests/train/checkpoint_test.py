import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import RunFolderError
from seqlab.train import Best, Checkpoints, TrainState, initial_state
from tests.train.toys import adam, assert_same, echo_task

BEST = Best(1.5, 3, 1)


def make_state(step=5, **params):
    """A state with awkward leaves: an integer that float32 cannot hold, bfloat16, a scalar, nested and empty parts."""
    return TrainState(
        step=jnp.array(step, jnp.int32),
        params={
            "cell": {"kernel": jnp.array([[0.1, -2.5], [1e-30, 3.0]]), "bias": jnp.array([1, 2], jnp.bfloat16)},
            "scale": jnp.array(0.5),
            **params,
        },
        opt_state=(({"count": jnp.array(2**24 + 1, jnp.int32)},), ()),
        carry=(jnp.ones((2, 3)), jnp.zeros((2, 3))),
        key=jax.random.key(7),
    )


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints")


def test_what_is_saved_is_read_back_bit_for_bit(checkpoints):
    state = make_state()
    checkpoints.save(state, BEST)
    saved = checkpoints.restore(jax.tree.map(jnp.zeros_like, make_state()._replace(key=jax.random.key(0))), 5)
    assert_same(saved.state, state)
    assert saved.state.key.dtype == state.key.dtype
    assert saved.best == BEST


def test_the_state_of_a_real_optimizer_comes_back_with_its_structure(checkpoints):
    task, optimizer = echo_task(), adam()
    state = initial_state(task, optimizer, 3)
    checkpoints.save(state, Best())
    saved = checkpoints.restore(initial_state(task, optimizer, 4), 0)
    assert_same(saved.state, state)
    assert saved.best == Best()


def test_the_params_are_read_alone(checkpoints):
    state = make_state()
    checkpoints.save(state, BEST)
    shutil.rmtree(checkpoints.folder / "step_00000005" / "rest")
    shapes = jax.eval_shape(lambda: state.params)
    assert_same(checkpoints.restore_params(shapes, 5), state.params)


def test_a_folder_of_checkpoints_can_be_moved(checkpoints, tmp_path):
    checkpoints.save(make_state(), BEST)
    shutil.move(checkpoints.folder, tmp_path / "elsewhere")
    assert_same(Checkpoints(tmp_path / "elsewhere").restore(make_state(), 5).state, make_state())


def without(tree, name):
    return {key: leaf for key, leaf in tree.items() if key != name}


STATE = make_state()
WRONG_TEMPLATES = {
    "a renamed leaf": (
        STATE._replace(params={**without(STATE.params, "scale"), "size": jnp.array(0.5)}),
        "leaf 'scale' should be absent; found float32 ()",
    ),
    "a leaf too many in the checkpoint": (
        STATE._replace(params=without(STATE.params, "scale")),
        "leaf 'scale' should be absent; found float32 ()",
    ),
    "a leaf that is missing": (
        STATE._replace(params={**STATE.params, "gain": jnp.ones((4,))}),
        r"leaf 'gain' should be float32 \(4,\); found absent",
    ),
    "another shape": (
        STATE._replace(params={**STATE.params, "cell": {**STATE.params["cell"], "kernel": jnp.ones((2, 3))}}),
        r"leaf 'cell/kernel' should be float32 \(2, 3\); found float32 \(2, 2\)",
    ),
    "another type": (
        STATE._replace(params={**STATE.params, "cell": {**STATE.params["cell"], "bias": jnp.ones((2,))}}),
        r"leaf 'cell/bias' should be float32 \(2,\); found bfloat16 \(2,\)",
    ),
    "another optimizer": (
        STATE._replace(opt_state=(({"count": jnp.array(0)}, jnp.ones((3,))), ())),
        r"leaf 'opt_state/0/1' should be float32 \(3,\); found absent",
    ),
    "another batch size": (
        STATE._replace(carry=(jnp.ones((4, 3)), jnp.zeros((4, 3)))),
        r"leaf 'carry/0' should be float32 \(4, 3\); found float32 \(2, 3\)",
    ),
    "another kind of key": (
        STATE._replace(key=jax.random.key(0, impl="rbg")),
        r"leaf 'key' should be uint32 \(4,\); found uint32 \(2,\)",
    ),
}


@pytest.fixture(scope="module")
def saved_once(tmp_path_factory):
    checkpoints = Checkpoints(tmp_path_factory.mktemp("once"))
    checkpoints.save(STATE, BEST)
    return checkpoints


@pytest.mark.parametrize(("template", "say"), WRONG_TEMPLATES.values(), ids=WRONG_TEMPLATES.keys())
def test_a_checkpoint_of_another_structure_shape_or_type_is_refused_by_its_leaf(saved_once, template, say):
    with pytest.raises(RunFolderError, match=say):
        saved_once.restore(template, 5)


def test_the_best_and_the_two_newest_are_kept(checkpoints):
    for step, best in [(1, 1), (2, 1), (3, 1), (4, 4), (5, 4), (6, 4)]:
        checkpoints.save(make_state(step), Best(0.0, best))
        assert best in checkpoints.steps()
        assert checkpoints.best_step() == best
    assert checkpoints.steps() == [4, 5, 6]


def test_without_an_evaluation_the_newest_counts_as_the_best(checkpoints):
    for step in (1, 2):
        checkpoints.save(make_state(step), Best())
    assert checkpoints.best_step() == 2


def test_a_folder_that_was_not_finished_is_ignored_and_written_anew(checkpoints):
    checkpoints.save(make_state(4), BEST)
    unfinished = checkpoints.folder / "part_00000009"
    (unfinished / "params").mkdir(parents=True)
    (unfinished / "params" / "junk").write_text("half")
    assert checkpoints.steps() == [4]
    checkpoints.save(make_state(9), BEST)
    assert checkpoints.steps() == [4, 9]
    assert not unfinished.exists()
    assert int(checkpoints.restore(make_state(), 9).state.step) == 9


@pytest.mark.parametrize(("step", "left"), [(6, [5, 6]), (5, [4])])
def test_a_kill_while_an_old_checkpoint_is_deleted_leaves_only_whole_ones(checkpoints, monkeypatch, step, left):
    for earlier in (4, 5):
        checkpoints.save(make_state(earlier), Best())

    def killed(folder, **_):
        (folder / "meta.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(make_state(step), Best())
    assert checkpoints.steps() == left
    for whole in left:
        assert int(checkpoints.restore(make_state(), whole).state.step) == whole
    checkpoints.save(make_state(7), Best())
    assert [path.name for path in sorted(checkpoints.folder.iterdir())] == [
        f"step_0000000{kept}" for kept in (left[-1], 7)
    ]


@pytest.mark.parametrize("what_fails", ["os.replace", "seqlab.train.checkpoint._write", "pathlib.Path.write_text"])
def test_a_failure_while_writing_is_raised_and_leaves_the_older_checkpoints(checkpoints, monkeypatch, what_fails):
    checkpoints.save(make_state(4), BEST)

    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device", "somewhere")

    with monkeypatch.context() as patch:
        patch.setattr(what_fails, fail)
        with pytest.raises(OSError, match="No space left"):
            checkpoints.save(make_state(5), BEST)
    assert checkpoints.steps() == [4]
    assert_same(checkpoints.restore(make_state(), 4).state, make_state(4))


def test_a_checkpoint_of_the_same_step_is_replaced(checkpoints):
    checkpoints.save(make_state(4), BEST)
    checkpoints.save(make_state(4, scale=jnp.array(9.0)), Best(0.5, 4))
    saved = checkpoints.restore(make_state(), 4)
    np.testing.assert_array_equal(saved.state.params["scale"], 9.0)
    assert saved.best == Best(0.5, 4)


def test_there_are_no_steps_where_there_is_no_folder(tmp_path):
    assert Checkpoints(tmp_path / "none").steps() == []
