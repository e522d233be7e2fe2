"""A checkpoint of a real run whose bytes are changed one at a time, and checkpoints of earlier formats."""

import json
import os
import random
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from seqlab.core.errors import RunFolderError
from seqlab.train import Best, Checkpoints, initial_state
from tests.train.toys import adam, assert_same, echo_task

OLDER, NEWER = 4, 8


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A folder with two checkpoints, and the state in them."""
    state = initial_state(echo_task(), adam(), 0)
    checkpoints = Checkpoints(tmp_path_factory.mktemp("two"))
    for step in (OLDER, NEWER):
        checkpoints.save(state._replace(step=jnp.array(step, jnp.int32)), Best(1.0, step, 0, step))
    return checkpoints, state


def put_back(folder):
    """Gives a checkpoint that was put aside its name again."""
    os.replace(folder / f"damaged_step_{NEWER:08d}", folder / f"step_{NEWER:08d}")


@pytest.mark.parametrize("num_flips", [60, pytest.param(500, marks=pytest.mark.slow)])
def test_no_checkpoint_with_a_changed_byte_is_loaded_in_silence(two, num_flips):
    checkpoints, state = two
    warnings = []
    watched = Checkpoints(checkpoints.folder, warn=warnings.append)
    files = sorted(path for path in (watched.folder / f"step_{NEWER:08d}").rglob("*") if path.is_file())
    sizes = np.array([path.stat().st_size for path in files])
    rng = random.Random(num_flips)
    refused = 0
    for flip in range(num_flips):
        # Each file in turn, so that a large one does not take all.
        file, place = files[flip % len(files)], rng.randrange(int(sizes[flip % len(files)]))
        content = file.read_bytes()
        changed = bytes([content[place] ^ rng.randrange(1, 256)])
        file.write_bytes(content[:place] + changed + content[place + 1 :])
        step = watched.newest_step()
        if step == NEWER:  # White space of the manifest: what it says is the same.
            assert file.name == "manifest.json"
            assert_same(watched.restore(state, NEWER).state, state._replace(step=jnp.array(NEWER, jnp.int32)))
        else:
            assert step == OLDER
            refused += 1
            assert len(warnings) == refused
            assert file.name in warnings[-1]
            assert f"the run goes on from step {OLDER}" in warnings[-1]
            put_back(watched.folder)
        file.write_bytes(content)
    print(f"\n{num_flips} bytes changed, {refused} refused, {num_flips - refused} of white space")
    assert refused >= 0.9 * num_flips
    assert watched.newest_step() == NEWER


def test_of_a_damaged_newest_checkpoint_the_one_before_is_used_with_its_own_best(two, tmp_path):
    checkpoints, state = two
    shutil.copytree(checkpoints.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / f"step_{NEWER:08d}" / "rest" / "_METADATA").unlink()
    warnings = []
    copied = Checkpoints(tmp_path, warn=warnings.append)
    saved = copied.newest(state)
    assert saved is not None
    assert (int(saved.state.step), saved.best) == (OLDER, Best(1.0, OLDER, 0, OLDER))
    assert_same(copied.params_of_best(state.params, saved)[0], state.params)
    assert len(warnings) == 1


def test_a_damaged_best_checkpoint_is_looked_for_anew_when_training_and_refused_when_predicting(tmp_path):
    state = initial_state(echo_task(), adam(), 0)
    warnings = []
    checkpoints = Checkpoints(tmp_path, warn=warnings.append)
    for step in (4, 8, 12):
        checkpoints.save(state._replace(step=jnp.array(step, jnp.int32)), Best(1.0, 4, step // 4 - 1, step))
    (tmp_path / "step_00000004" / "params" / "_METADATA").write_bytes(b"{}")
    saved = checkpoints.newest(state)
    assert saved is not None
    params, best = checkpoints.params_of_best(state.params, saved)
    assert_same(params, state.params)
    assert best == Best(last_step=12)
    assert "the best checkpoint is lost" in warnings[0]
    with pytest.raises(RunFolderError, match="step_00000004/params/_METADATA: expected SHA-256"):
        checkpoints.best_params(echo_task().init)


def test_kinds_of_key_whose_numbers_have_one_shape_are_told_apart(tmp_path):
    state = initial_state(echo_task(), adam(), 0)._replace(key=jax.random.key(0, impl="rbg"))
    Checkpoints(tmp_path).save(state, Best())
    other = state._replace(key=jax.random.key(0, impl="unsafe_rbg"))
    with pytest.raises(RunFolderError, match=r"leaf 'key' should be key<urbg> \(\); found key<rbg> \(\)"):
        Checkpoints(tmp_path).restore(other, 0)


def test_a_checkpoint_of_other_flags_is_warned_of(tmp_path):
    state = initial_state(echo_task(), adam(), 0)
    warnings = []
    Checkpoints(tmp_path, config_hash="a").save(state, Best())
    for config_hash in ("a", "", "b"):
        Checkpoints(tmp_path, config_hash=config_hash, warn=warnings.append).restore(state, 0)
    assert len(warnings) == 1
    assert "was saved by a run with other flags" in warnings[0]


def test_a_checkpoint_of_the_time_before_manifests_is_read(tmp_path):
    state = initial_state(echo_task(), adam(), 0)._replace(step=jnp.array(4, jnp.int32))
    path = tmp_path / "step_00000004"
    rest = {"step": state.step, "opt_state": state.opt_state, "carry": state.carry}
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path / "params", state.params)
        checkpointer.save(path / "rest", {**rest, "key": jax.random.key_data(state.key)})
    best = {"value": 1.5, "step": 4, "evaluations_since": 0}
    (path / "meta.json").write_text(json.dumps({"step": 4, "best": best}))
    checkpoints = Checkpoints(tmp_path)
    saved = checkpoints.newest(state)
    assert saved is not None
    assert_same(saved.state, state)
    assert saved.best == Best(1.5, 4, 0, 4)
    assert_same(checkpoints.best_params(echo_task().init), state.params)
    with pytest.raises(RunFolderError, match="leaf 'output' should be absent"):
        checkpoints.restore_params({name: leaf for name, leaf in state.params.items() if name != "output"}, 4)
