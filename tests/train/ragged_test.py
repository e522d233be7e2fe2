"""Training on batches of a few shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.masks import lengths_to_mask
from seqlab.data.batch import Batch
from seqlab.data.buckets import bucketed_splits
from seqlab.losses import squared_error
from seqlab.metrics import Mean
from seqlab.tasks.base import Loss, Task
from seqlab.train import Checkpoints, TrainConfig, fit, stack_batches
from seqlab.train.loop import stacks
from tests.train.toys import Recorder, adam, assert_same, echo_task, stop_after

CONFIG = TrainConfig(num_steps=10, evaluate_every=5, chunk_steps=3)


def rows_of(num_rows):
    rng = np.random.default_rng(num_rows)
    lengths = rng.integers(1, 9, num_rows)
    inputs = [rng.standard_normal(length).astype(np.float32) for length in lengths]
    return Batch(inputs, np.array([row.sum() for row in inputs], np.float32), lengths=lengths)


def summing_task():
    """Weighted sums of rows; the weight that is learned should become 1."""
    splits = bucketed_splits(rows_of(30), rows_of(7), rows_of(5), batch_size=4, eval_batch_size=4, seed=0)

    def nats(params, batch):
        batch = jax.tree.map(jnp.asarray, batch)
        mask = lengths_to_mask(batch.lengths, batch.inputs.shape[1])
        sums = jnp.where(mask, params["weight"] * batch.inputs, 0.0).sum(axis=1)
        return squared_error(sums, batch.targets, batch.lengths > 0)

    def loss(params, carry, batch, key, hyper):
        total, weight = nats(params, batch)
        return Loss(total, weight, carry, {"loss": Mean(total, weight)})

    return Task(
        name="summing",
        splits=splits,
        init=lambda key: {"weight": jnp.zeros(())},
        initial_carry=lambda batch_size: (),
        loss=loss,
        evaluate=lambda params, carry, batch: ({"loss": Mean(*nats(params, batch))}, carry),
        batch_sizes={"train": 4, "validation": 4, "test": 4},
        scores=dict,
        baselines=dict,
        artifacts={},
        show=lambda params, key: "",
        headline="loss",
    )


@pytest.fixture(scope="module")
def whole():
    recorder = Recorder()
    return fit(summing_task(), adam(), CONFIG, observers=[recorder]), recorder.records


def test_there_is_one_program_for_each_shape_and_the_loss_falls(whole):
    fitted, records = whole
    task = summing_task()
    seen = {task.splits.train.batch(step).inputs.shape for step in range(10)}
    assert 1 < len(seen) <= 6
    assert fitted.num_traces == len(seen)
    losses = [record.scores["loss"] for record in records if record.split == "validation"]
    assert losses[1] < losses[0]


def test_a_chunk_tells_the_mean_over_all_its_steps_whatever_their_shapes(whole):
    _, records = whole
    assert [record.step for record in records if record.split == "train"] == [3, 5, 8, 10]


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path, whole):
    checkpoints = Checkpoints(tmp_path)
    cut = fit(summing_task(), adam(), CONFIG, should_stop=stop_after(1), checkpoints=checkpoints)
    assert (cut.status, int(cut.state.step)) == ("interrupted", 3)
    assert_same(fit(summing_task(), adam(), CONFIG, checkpoints=checkpoints).state, whole[0].state)


def test_batches_of_one_shape_are_one_stack_and_one_program_a_size():
    task = echo_task()
    (stack,) = stacks(task, 2, 3)
    assert_same(stack, stack_batches(task, 2, 3))
    assert fit(task, adam(), TrainConfig(4, 4, 2)).num_traces == 1
