import jax
import numpy as np

from seqlab.tasks.base import Hyper
from seqlab.train import evaluate_split
from tests.train.toys import BATCHES_PER_EPOCH, ROWS, WINDOW, echo, echo_task, initial_carry, jit


def test_a_split_is_scored_as_one_long_window_whose_carry_goes_on():
    task = echo_task()
    params = task.init(jax.random.key(1))
    batches = [task.splits.validation.batch(step) for step in range(BATCHES_PER_EPOCH)]
    inputs, targets = (np.concatenate([batch[field] for batch in batches], axis=1) for field in (0, 1))
    outputs, _ = echo(params, initial_carry(ROWS), jax.numpy.asarray(inputs))
    expected = ((outputs - targets) ** 2).mean()
    assert inputs.shape == (ROWS, BATCHES_PER_EPOCH * WINDOW)
    for eval_step in (task.evaluate, jit(task.evaluate)):
        scores = evaluate_split(task, eval_step, params, "validation")
        np.testing.assert_allclose(scores["loss"], expected, rtol=1e-5)


def test_a_pass_over_the_training_split_reads_its_first_epoch_without_noise():
    task = echo_task()
    params = task.init(jax.random.key(1))
    noiseless = [
        task.loss(params, initial_carry(ROWS), task.splits.train.batch(0), jax.random.key(0), Hyper()).metrics["loss"]
    ]
    one_batch = task._replace(splits=task.splits._replace(train=OneBatch(task.splits.train)))
    scores = evaluate_split(one_batch, task.evaluate, params, "train")
    np.testing.assert_allclose(scores["loss"], noiseless[0].compute(), rtol=1e-5)


class OneBatch:
    """The first batch of a split alone."""

    batches_per_epoch = 1

    def __init__(self, split):
        self.batch = split.batch
