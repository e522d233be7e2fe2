import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.trees import all_finite
from seqlab.tasks.base import Hyper
from seqlab.train import Checkpoints, TrainConfig, fit, initial_state
from seqlab.train.guards import Fault, SpikeWatch
from seqlab.train.step import checked_leaves
from tests.train.toys import Recorder, adam, assert_same, echo_task, stop_after, to_numpy

CONFIG = TrainConfig(num_steps=12, evaluate_every=4, chunk_steps=2, seed=3)


def with_rows(task):
    """The task, whose batches say that their rows are 100, 101 and 102 of the split."""
    batch = task.splits.train.batch
    task.splits.train.batch = lambda step: batch(step)._replace(rows=np.arange(100, 103))
    return task


# Steps that are left out -----------------------------------------------------------------------------------------


def test_a_step_that_stops_the_run_is_told_with_its_leaf_and_its_row_and_leaves_the_state_before_it():
    fitted = fit(with_rows(echo_task(broken=(6,))), adam(), CONFIG)
    assert fitted.status == "diverged"
    assert fitted.fault is not None
    # The nan is in row 1 of the toy's batches.
    assert (fitted.fault.step, fitted.fault.leaves[0], fitted.fault.rows, fitted.fault.origins) == (
        6,
        "loss",
        [1],
        [101],
    )
    assert str(fitted.fault).startswith("step 6: loss and ")
    assert str(fitted.fault).endswith("not finite; batch rows 1 of 3 (101 in the training split)")
    before = fit(echo_task(), adam(), CONFIG, should_stop=stop_after(3)).state
    assert int(fitted.state.step) == 6
    assert_same(fitted.state._replace(num_skipped=before.num_skipped), before)


def test_steps_are_left_out_and_told_until_there_were_too_many():
    warnings, recorder = [], Recorder()
    config = TrainConfig(num_steps=12, evaluate_every=4, chunk_steps=4, seed=3, max_skipped_steps=2)
    task = echo_task(broken=(1, 5, 9))
    fitted = fit(task, adam(), config, observers=[recorder], warn=warnings.append)
    assert (fitted.status, fitted.diverged_step, int(fitted.state.step)) == ("diverged", 9, 9)
    assert [warning.split(":")[0] for warning in warnings] == ["step 1", "step 5"]
    assert "It was left out, number 2 of --max_skipped_steps=2." in warnings[1]
    lines = [record.scores for record in recorder.records if record.split == "train"]
    assert [line.get("skipped_steps") for line in lines] == [1.0, 1.0]
    assert all(math.isfinite(value) for line in lines for value in line.values())


@pytest.mark.slow
def test_a_run_that_left_out_as_many_steps_as_it_may_comes_to_its_end():
    config = TrainConfig(12, 4, 4, max_skipped_steps=3)
    fitted = fit(echo_task(broken=(1, 5, 9)), adam(), config, warn=lambda message: None)
    assert (fitted.status, int(fitted.state.num_skipped), int(fitted.state.step)) == ("complete", 3, 12)


@pytest.mark.slow
def test_steps_that_were_left_out_are_counted_on_when_a_run_goes_on(tmp_path):
    checkpoints, task = Checkpoints(tmp_path), echo_task(broken=(1, 5, 9))
    options = {"checkpoints": checkpoints, "warn": lambda message: None}
    config = TrainConfig(num_steps=12, evaluate_every=4, chunk_steps=2, max_skipped_steps=2)
    assert fit(task, adam(), config, should_stop=stop_after(3), **options).status == "interrupted"
    fitted = fit(task, adam(), config, **options)
    assert (fitted.status, fitted.diverged_step) == ("diverged", 9)


@pytest.mark.slow
def test_a_chunk_of_which_nothing_was_applied_is_no_line():
    recorder = Recorder()
    config = TrainConfig(num_steps=8, evaluate_every=8, chunk_steps=2, max_skipped_steps=2)
    fit(echo_task(broken=(2, 3)), adam(), config, observers=[recorder], warn=lambda message: None)
    assert recorder.steps("train") == [2, 6, 8]


def test_what_a_step_looks_at_has_the_names_of_its_parts():
    names = checked_leaves(initial_state(echo_task(), adam(), 0))
    assert names[:4] == ["loss", "gradient of input", "gradient of output", "gradient of recurrent_kernel"]
    assert {"params/input after the step", "carry after the step"} < set(names)


def test_the_operation_that_gives_the_first_nan_is_told_with_its_line():
    task = echo_task()
    plain = task.loss

    def loss(params, carry, batch, key, hyper):
        found = plain(params, carry, batch, key, hyper)
        return found._replace(total=found.total + jnp.log(params["input"] - 5.0).sum())

    fitted = fit(task._replace(loss=loss), adam(), TrainConfig(2, 2, 2, debug_nans=True))
    assert fitted.fault is not None
    assert "invalid value (nan) encountered in" in fitted.fault.operation
    assert "guards_test.py:" in fitted.fault.operation
    assert 'jnp.log(params["input"] - 5.0).sum()' in fitted.fault.operation
    assert fitted.fault.rows == [0, 1, 2]


def inject(checkpoints, number):
    """Trains with nans in random batches, and a limit that they may or may not pass."""
    rng = np.random.default_rng(number)
    broken = tuple(sorted(rng.choice(12, rng.integers(1, 5), replace=False).tolist()))
    limit = int(rng.integers(0, 5))
    config = TrainConfig(num_steps=12, evaluate_every=2, chunk_steps=int(rng.integers(1, 4)), max_skipped_steps=limit)
    task, optimizer = echo_task(broken), adam()
    fitted = fit(task, optimizer, config, Hyper(dropout_rate=0.1), checkpoints=checkpoints, warn=lambda message: None)
    assert fitted.status == ("diverged" if len(broken) > limit else "complete")
    assert fitted.diverged_step == (broken[limit] if len(broken) > limit else -1)
    bad = 0
    for step in checkpoints.steps():
        bad += not all_finite(checkpoints.restore(fitted.state, step).state)
    assert all_finite(fitted.state)
    assert all_finite(to_numpy(fitted.best_params))
    return len(broken), bad


@pytest.mark.slow
def test_of_fifty_injections_no_checkpoint_holds_what_is_not_finite(tmp_path):
    num_runs, num_injections = 0, 0
    while num_injections < 50:
        injected, bad = inject(Checkpoints(tmp_path / str(num_runs)), num_runs)
        num_runs, num_injections = num_runs + 1, num_injections + injected
        assert bad == 0
    print(f"\n{num_injections} injections in {num_runs} runs")


# Spikes ----------------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.01, 100.0))
def test_ordinary_noise_around_a_falling_loss_is_no_spike(seed, scale):
    rng = np.random.default_rng(seed)
    watch = SpikeWatch()
    for chunk in range(20):
        level = scale * (1.0 + 3.0 * 0.9**chunk)
        assert watch.check(level + 0.1 * scale * rng.standard_normal(16)) is None


def test_a_loss_that_jumps_is_a_spike_with_its_place_and_the_median_before_it():
    watch = SpikeWatch()
    for _ in range(5):
        assert watch.check(np.linspace(1.9, 2.1, 16)) is None
    found = watch.check(np.array([2.0, 2.0, 9.0, 3.5]))
    assert found is not None
    assert found == (2, pytest.approx(2.0))


def test_a_run_tells_of_a_spike_with_the_rows_of_its_batch():
    task, warnings = with_rows(echo_task()), []
    batch = task.splits.train.batch

    def spiked(step):
        given = batch(step)
        return given._replace(targets=given.targets * 100.0) if step == 70 else given

    task.splits.train.batch = spiked
    fit(task, adam(0.0001), TrainConfig(80, 80, 8), warn=warnings.append)
    (warning,) = warnings
    assert warning.startswith("step 70: the loss jumped to ")
    assert warning.endswith("before it; its batch has the rows 100, 101, 102.")


def test_a_fault_without_a_row_of_its_own_says_so():
    fault = Fault(step=3, leaves=["gradient of cell/bias"], rows=[], num_rows=8)
    assert str(fault) == "step 3: gradient of cell/bias not finite; no batch row alone makes it so"


def test_a_chunk_of_which_nothing_was_applied_is_no_spike():
    watch = SpikeWatch()
    watch.check(np.ones(100))
    assert watch.check(np.zeros(0)) is None
