import math
import re

import jax
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.trees import all_finite
from seqlab.tasks.base import Hyper
from seqlab.train import Best, Checkpoints, TrainConfig, evaluate_split, fit, stack_batches
from seqlab.train.loop import chunk_size
from tests.train.toys import (
    BATCHES_PER_EPOCH,
    ROWS,
    WINDOW,
    Recorder,
    adam,
    assert_same,
    echo_task,
    plus_one,
    scripted_task,
    stop_after,
    to_numpy,
)

NOISY = Hyper(dropout_rate=0.3)


# An interrupted run ----------------------------------------------------------------------------------------------

# Epochs end at 5 and 10, evaluations come at 6 and 12; chunks end at 2, 4, 6, 8, 10, 12.
CONFIG = TrainConfig(num_steps=12, evaluate_every=6, chunk_steps=2, seed=11)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    recorder, checkpoints = Recorder(), Checkpoints(tmp_path_factory.mktemp("whole"))
    fitted = fit(echo_task(), adam(), CONFIG, NOISY, checkpoints=checkpoints, observers=[recorder])
    assert fitted.status == "complete"
    return fitted, recorder.records, checkpoints


@pytest.mark.parametrize(
    "chunks",
    [(1,), (2,), (3,), (5,), (2, 1, 2)],
    ids=[
        "within an epoch",
        "within an epoch that ends in the next chunk",
        "at an evaluation",
        "at an epoch's end",
        "3x",
    ],
)
def test_a_run_that_was_interrupted_and_resumed_is_the_uninterrupted_one_bit_for_bit(tmp_path, uninterrupted, chunks):
    whole, whole_records, whole_checkpoints = uninterrupted
    checkpoints, recorder = Checkpoints(tmp_path), Recorder()
    done = 0
    for number in chunks:
        options = {"checkpoints": checkpoints, "observers": [recorder], "should_stop": stop_after(number)}
        fitted = fit(echo_task(), adam(), CONFIG, NOISY, **options)
        done += number * CONFIG.chunk_steps
        assert (fitted.status, int(fitted.state.step)) == ("interrupted", done)
        assert checkpoints.steps()[-1] == done
    fitted = fit(echo_task(), adam(), CONFIG, NOISY, checkpoints=checkpoints, observers=[recorder])
    assert fitted.status == "complete"
    assert_same(fitted.state, whole.state)
    assert fitted.best == whole.best
    assert_same(fitted.best_params, whole.best_params)
    assert recorder.records == whole_records
    assert_same(checkpoints.restore(whole.state, 12).state, whole_checkpoints.restore(whole.state, 12).state)


def test_a_complete_run_is_not_trained_again(uninterrupted):
    whole, _, checkpoints = uninterrupted
    recorder = Recorder()
    again = fit(echo_task(), adam(), CONFIG, NOISY, checkpoints=checkpoints, observers=[recorder])
    assert recorder.records == []
    assert_same(again.state, whole.state)
    assert_same(again.best_params, whole.best_params)


def test_an_interrupt_before_the_first_step_leaves_the_first_params(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    fitted = fit(echo_task(), adam(), CONFIG, checkpoints=checkpoints, should_stop=lambda: True)
    assert (fitted.status, int(fitted.state.step), checkpoints.steps()) == ("interrupted", 0, [])
    assert_same(fitted.best_params, to_numpy(fitted.state.params))


def test_an_interrupt_during_the_last_chunk_completes_the_run():
    fitted = fit(scripted_task([9, 8, 7]), plus_one(), TrainConfig(2, 2, 2), should_stop=stop_after(1))
    assert fitted.status == "complete"
    assert fitted.best.step == 2


def test_without_checkpoints_a_run_gives_the_same(uninterrupted):
    whole, _, _ = uninterrupted
    assert_same(fit(echo_task(), adam(), CONFIG, NOISY).state, whole.state)


# What is told ----------------------------------------------------------------------------------------------------


def test_observers_are_told_of_every_chunk_and_every_evaluation_in_order(uninterrupted):
    _, records, _ = uninterrupted
    told = [(record.step, record.split) for record in records]
    assert told == [
        *[(step, "train") for step in (2, 4, 6)],
        (6, "validation"),
        *[(step, "train") for step in (8, 10, 12)],
        (12, "validation"),
    ]
    assert records[0].scores.keys() == {"loss", "gradient_norm"}


def test_the_loss_of_a_chunk_is_the_mean_over_all_its_steps():
    task = echo_task()
    fitted_to_nothing = optax.sgd(0.0)
    recorder = Recorder()
    fitted = fit(task, fitted_to_nothing, TrainConfig(BATCHES_PER_EPOCH, 5, 5), observers=[recorder])
    whole_epoch = evaluate_split(task, task.evaluate, fitted.state.params, "train")
    np.testing.assert_allclose(recorder.records[0].scores["loss"], whole_epoch["loss"], rtol=1e-5)


def test_the_learning_rate_told_is_that_of_the_last_step_taken():
    recorder = Recorder()
    fit(
        scripted_task([0.0] * 8),
        plus_one(),
        TrainConfig(5, 5, 2),
        schedule=lambda step: 1.0 / (1 + step),
        observers=[recorder],
    )
    rates = [record.scores["learning_rate"] for record in recorder.records if record.split == "train"]
    np.testing.assert_allclose(rates, [1 / 2, 1 / 4, 1 / 5], rtol=1e-6)


def test_batches_of_a_chunk_are_stacked_along_a_first_axis():
    task = echo_task()
    stacked = stack_batches(task, 3, 4)
    assert stacked.inputs.shape == (4, ROWS, WINDOW)
    np.testing.assert_array_equal(stacked.inputs[2], task.splits.train.batch(5).inputs)
    np.testing.assert_array_equal(stacked.starts[:, 0], [False, False, True, False])
    assert stacked.lengths is None


# Choosing and stopping -------------------------------------------------------------------------------------------


def test_the_best_params_are_those_of_the_best_evaluation_not_the_last(tmp_path):
    checkpoints, recorder = Checkpoints(tmp_path), Recorder()
    curve = [9.0, 5.0, 3.0, 4.0, 3.5, 3.2, 3.1]
    fitted = fit(scripted_task(curve), plus_one(), TrainConfig(6, 1, 4), checkpoints=checkpoints, observers=[recorder])
    assert fitted.best == Best(3.0, 2, 4, 6)
    assert float(fitted.best_params["w"]) == 2.0
    assert float(fitted.state.params["w"]) == 6.0
    assert recorder.steps("validation") == [1, 2, 3, 4, 5, 6]
    assert checkpoints.steps() == [2, 5, 6]
    assert checkpoints.best_step() == 2
    assert float(checkpoints.restore_params(fitted.state.params, 2)["w"]) == 2.0


@pytest.mark.parametrize(("patience", "last", "best"), [(0, 6, 6), (1, 3, 2), (2, 4, 2), (3, 6, 6)])
def test_training_stops_after_patience_evaluations_without_improvement(tmp_path, patience, last, best):
    task = scripted_task([9.0, 5.0, 3.0, 4.0, 3.5, 2.0, 1.0])
    config, checkpoints = TrainConfig(6, 1, 1, patience=patience), Checkpoints(tmp_path)
    fitted = fit(task, plus_one(), config, checkpoints=checkpoints)
    assert (fitted.status, int(fitted.state.step), fitted.best.step) == ("complete", last, best)
    again = fit(task, plus_one(), config, checkpoints=checkpoints)
    assert (again.status, int(again.state.step), again.best) == ("complete", last, fitted.best)
    assert float(again.best_params["w"]) == best


def test_patience_counts_on_across_an_interrupt(tmp_path):
    task, config, checkpoints = scripted_task([9.0, 1.0, 2.0, 2.0, 2.0]), TrainConfig(4, 1, 1, 2), Checkpoints(tmp_path)
    stopped = fit(task, plus_one(), config, checkpoints=checkpoints, should_stop=stop_after(2))
    assert (stopped.status, int(stopped.state.step)) == ("interrupted", 2)
    fitted = fit(task, plus_one(), config, checkpoints=checkpoints)
    assert (fitted.status, int(fitted.state.step), fitted.best) == ("complete", 3, Best(1.0, 1, 2, 3))


def test_what_is_left_over_of_the_steps_is_trained_and_evaluated():
    recorder = Recorder()
    fit(scripted_task([0.0] * 8), plus_one(), TrainConfig(7, 3, 2), observers=[recorder])
    assert recorder.steps("train") == [2, 3, 5, 6, 7]
    assert recorder.steps("validation") == [3, 6, 7]


# Divergence ------------------------------------------------------------------------------------------------------


def test_a_step_that_is_not_finite_ends_the_run_and_is_named(tmp_path):
    checkpoints, recorder = Checkpoints(tmp_path), Recorder()
    config = TrainConfig(num_steps=12, evaluate_every=3, chunk_steps=2)
    fitted = fit(echo_task(broken=(7, 8)), adam(), config, checkpoints=checkpoints, observers=[recorder])
    assert (fitted.status, fitted.diverged_step) == ("diverged", 7)
    assert checkpoints.steps() == [3, 6]
    assert max(record.step for record in recorder.records) == 6
    assert all(math.isfinite(value) for record in recorder.records for value in record.scores.values())
    for step in checkpoints.steps():
        assert all_finite(checkpoints.restore(fitted.state, step).state)
    assert_same(fitted.best_params, to_numpy(checkpoints.restore_params(fitted.state.params, fitted.best.step)))


def test_the_params_before_training_survive_a_first_step_that_is_not_finite():
    config = TrainConfig(4, 4, 2, seed=5)
    fitted = fit(echo_task(broken=(0, 1)), adam(), config)
    first = fit(echo_task(), adam(), config, should_stop=lambda: True).state.params
    assert fitted.status == "diverged"
    assert_same(fitted.best_params, to_numpy(first))


def test_params_that_overflow_are_never_saved(tmp_path):
    # Gradients are finite here: it is the update that is not.
    checkpoints = Checkpoints(tmp_path)
    fitted = fit(echo_task(), optax.sgd(3e38), TrainConfig(4, 1, 1), checkpoints=checkpoints)
    assert fitted.status == "diverged"
    for step in checkpoints.steps():
        assert all_finite(checkpoints.restore(fitted.state, step).state)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_evaluation_that_is_not_finite_ends_the_run_and_is_not_saved(tmp_path, value):
    checkpoints, recorder = Checkpoints(tmp_path), Recorder()
    fitted = fit(
        scripted_task([9.0, 2.0, value, 1.0]), plus_one(), TrainConfig(3, 1, 1), checkpoints=checkpoints,
        observers=[recorder],
    )  # fmt: skip
    assert (fitted.status, fitted.diverged_step, fitted.best) == ("diverged", 2, Best(2.0, 1, 0, 1))
    assert checkpoints.steps() == [1]
    assert recorder.steps("validation") == [1]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 20))
def test_chunks_have_two_sizes_and_reach_every_evaluation(num_steps, evaluate_every, chunk_steps):
    config, step, sizes = TrainConfig(num_steps, evaluate_every, chunk_steps), 0, set()
    while step < num_steps:
        until = min(num_steps, (step // evaluate_every + 1) * evaluate_every)
        while step < until:
            size = chunk_size(config, until - step)
            assert 1 <= size <= chunk_steps
            sizes.add(size)
            step += size
        assert step == until
    assert len(sizes) <= 2


# Programs --------------------------------------------------------------------------------------------------------


# Chunks of 4 and 2, and again 4 and 2; of 4 and 3, and 2 at the end, where 3 and 2 are cut into ones.
@pytest.mark.parametrize(("num_steps", "evaluate_every"), [(12, 6), (16, 7)])
def test_a_second_epoch_compiles_nothing_and_remainders_one_chunk_more(caplog, num_steps, evaluate_every):
    with jax.log_compiles(), caplog.at_level("WARNING"):
        fit(echo_task(), adam(), TrainConfig(num_steps, evaluate_every, chunk_steps=4))
    compiled = re.findall(r"Compiling (?:jit\()?(\w+)\)? with", caplog.text)
    assert compiled.count("run_chunk") == 2
    assert compiled.count("evaluate") == 1
