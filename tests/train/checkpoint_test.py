import os
import pkgutil
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import RunFolderError
from seqlab.train import Best, Checkpoints, TrainState, initial_state
from tests.train.toys import adam, assert_same, echo_task

BEST = Best(1.5, 3, 1, 4)


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
        num_skipped=jnp.array(2, jnp.int32),
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
        r"leaf 'key' should be key<rbg> \(\); found key<fry> \(\)",
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


@pytest.mark.parametrize(("step", "left"), [(6, [5, 6]), (5, [4, 5])])
def test_a_kill_while_an_old_checkpoint_is_deleted_leaves_only_whole_ones(checkpoints, monkeypatch, step, left):
    for earlier in (4, 5):
        checkpoints.save(make_state(earlier), Best())

    def killed(folder, **_):
        (folder / "manifest.json").unlink()
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


def test_a_kill_between_the_two_names_of_a_checkpoint_that_is_replaced_loses_neither(checkpoints, monkeypatch):
    checkpoints.save(make_state(4), BEST)
    replace = os.replace

    def killed(source, target):
        if "replaced_" not in str(target):
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(make_state(4, scale=jnp.array(9.0)), BEST)
    assert checkpoints.newest_step() == 4
    assert_same(checkpoints.restore(make_state(), 4).state, make_state(4))


# Everything that writing a checkpoint does to the disk, in its order.
WRITE_POINTS = {
    "the folder is made": ("pathlib.Path.mkdir", 0),
    "the params are written": ("seqlab.train.checkpoint._write", 0),
    "the rest is written": ("seqlab.train.checkpoint._write", 1),
    "a file is read to be hashed": ("seqlab.core.sealed_folder._sha256", 0),
    "the last file is hashed": ("seqlab.core.sealed_folder._sha256", 9),
    "the manifest is written": ("pathlib.Path.write_text", 0),
    "a file is flushed": ("os.fsync", 0),
    "another file is flushed": ("os.fsync", 9),
    "the folder is renamed": ("os.replace", 0),
    "the folder above is flushed": ("os.fsync", -1),
}


@pytest.mark.parametrize(("function", "call"), WRITE_POINTS.values(), ids=WRITE_POINTS.keys())
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_a_failure_at_any_write_point_is_told_with_its_step_and_leaves_the_older_checkpoints(
    saved_once, tmp_path, monkeypatch, function, call, error
):
    checkpoints = Checkpoints(tmp_path)
    shutil.copytree(saved_once.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr("seqlab.train.checkpoint._write", lambda folder, _: [
        (folder.mkdir(), *((folder / f"{number}").write_bytes(b"an array") for number in range(6)))
    ])  # fmt: skip
    before = {path: path.read_bytes() for path in (tmp_path / "step_00000005").rglob("*") if path.is_file()}
    module, name = function.rsplit(".", 1)
    real = pkgutil.resolve_name(function)
    num_calls = 0

    def fail_once(*given, **options):
        nonlocal num_calls
        last = call == -1 and Path(os.readlink(f"/proc/self/fd/{given[0]}")) == tmp_path
        num_calls += 1
        if num_calls - 1 == call or last:
            raise error
        return real(*given, **options)

    monkeypatch.setattr(f"{module}.{name}", fail_once)
    with pytest.raises(
        RunFolderError, match=r"checkpoint of step 6 could not be written \(.*(space|denied).*\); that of"
    ):
        checkpoints.save(make_state(6), BEST)
    assert checkpoints.newest_step() == (6 if call == -1 else 5)
    assert {path: path.read_bytes() for path in before} == before


def test_a_checkpoint_of_the_same_step_is_replaced(checkpoints):
    checkpoints.save(make_state(4), BEST)
    checkpoints.save(make_state(4, scale=jnp.array(9.0)), Best(0.5, 4))
    saved = checkpoints.restore(make_state(), 4)
    np.testing.assert_array_equal(saved.state.params["scale"], 9.0)
    assert saved.best == Best(0.5, 4)


def test_there_are_no_steps_where_there_is_no_folder(tmp_path):
    assert Checkpoints(tmp_path / "none").steps() == []
