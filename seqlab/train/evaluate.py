"""Evaluation of a whole split."""

import time
from collections.abc import Callable

import jax
import numpy as np

from seqlab.core.array_types import Carry, Params
from seqlab.data.batch import Batch
from seqlab.metrics.accumulate import Metrics, compute, sum_steps
from seqlab.tasks.base import Task

EvalStep = Callable[[Params, Carry, Batch], tuple[Metrics, Carry]]

# A shorter evaluation is finished before a signal is heeded.
SECONDS_TO_FINISH = 2.0


class StoppedError(Exception):
    """An evaluation was asked to stop; what it had seen until then is lost."""


def evaluate_split(
    task: Task,
    eval_step: EvalStep,
    params: Params,
    split: str,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """The task's scores on one pass over a split, the carry handed from batch to batch.

    Args:
        task: the task.
        eval_step: ``task.evaluate``, compiled or not.
        params: the model's params.
        split: ``train``, ``validation`` or ``test``; a pass over ``train`` reads its first epoch.
        should_stop: asked before each batch of an evaluation that has taken 2 s.

    Raises:
        StoppedError: ``should_stop`` said yes.
    """
    started = time.monotonic()
    batches = getattr(task.splits, split)
    carry = task.initial_carry(task.batch_sizes[split])
    steps: list[Metrics] = []
    for step in range(batches.batches_per_epoch):
        if time.monotonic() - started > SECONDS_TO_FINISH and should_stop():
            raise StoppedError(f"stopped before batch {step} of {split}")
        metrics, carry = eval_step(params, carry, batches.batch(step))
        steps.append(metrics)
    total = sum_steps(jax.tree.map(lambda *values: np.stack(values), *jax.device_get(steps)))
    return task.scores(compute(total))
