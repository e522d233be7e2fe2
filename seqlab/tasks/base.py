"""What a task is: a tuple of pure functions and three splits.

Training, sweeps and diagnostics know nothing else of it. What a population may vary under ``vmap`` comes in as
``Hyper``; what changes shapes or the program is fixed when the task is made.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.core.array_types import Array, Carry, Float, Key, Params, Scalar
from seqlab.data.batch import Batch, Splits
from seqlab.metrics.accumulate import Metrics

# A function to the same function, compiled: ``jax.jit``, which is applied at the edge.
Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


class Hyper(NamedTuple):
    """Numbers that the loss depends on and that may be traced; see ``OptimizerConfig`` for those of the optimizer.

    Attributes:
        dropout_rate: probability of dropping an element, in [0, 1).
        label_smoothing: share of the target's probability that is spread over all classes, in [0, 1).
        state_dropout_rate: probability of dropping a unit of the recurrent state for a whole sequence, in [0, 1).
        weight_drop_rate: probability of dropping an element of a recurrent kernel for a whole batch, in [0, 1).
    """

    dropout_rate: Scalar = 0.0
    label_smoothing: Scalar = 0.0
    state_dropout_rate: Scalar = 0.0
    weight_drop_rate: Scalar = 0.0

    def drop_rates(self) -> dict[str, Scalar]:
        """The rates at which a model drops, by the names of its arguments."""
        return {
            "dropout_rate": self.dropout_rate,
            "state_dropout_rate": self.state_dropout_rate,
            "weight_drop_rate": self.weight_drop_rate,
        }


class Loss(NamedTuple):
    """A loss on one batch.

    Attributes:
        total: weighted sum over the batch's targets.
        weight: sum of weights; the loss that is minimised is total / weight.
        carry: the state after the batch, to go on from in the next one.
        metrics: accumulators.
    """

    total: Float[Array, ""]
    weight: Float[Array, ""]
    carry: Carry
    metrics: Metrics


class Task(NamedTuple):
    """A problem and a model for it.

    Attributes:
        name: the name in the table of tasks.
        splits: train, validation, test.
        init: key -> params.
        initial_carry: batch size -> the state before a first batch; an empty tuple where batches do not follow on.
        loss: (params, carry, batch, key, hyper) -> ``Loss``, for training.
        evaluate: (params, carry, batch) -> (metrics, carry), without dropout or smoothing.
        batch_sizes: rows of a batch of each split, for ``initial_carry``.
        scores: means of the metrics -> what is reported, ``loss`` among it.
        baselines: () -> scores of the simplest models by name, each with ``validation`` and ``test``.
        artifacts: file name -> how to write it; what a prediction will need beside the params (a vocabulary).
        show: (params, key) -> a text that lets a reader see what was learned.
        headline: the score to print.
        selection: the score, smaller is better, that picks the best checkpoint and stops early.
        unit: what one unit of the loss's weight is, for the pace: tokens, sequences, frames.
        finish: (best params, run folder, jit) -> by split, scores that are no means over batches. It is called once,
            after the final evaluation, and may write into the folder, whose ``predictions`` and ``plots`` exist; a
            score that it gives replaces one of the same name. ``jit`` is ``jax.jit``.
    """

    name: str
    splits: Splits
    init: Callable[[Key], Params]
    initial_carry: Callable[[int], Carry]
    loss: Callable[[Params, Carry, Batch, Key, Hyper], Loss]
    evaluate: Callable[[Params, Carry, Batch], tuple[Metrics, Carry]]
    batch_sizes: Mapping[str, int]
    scores: Callable[[dict[str, float]], dict[str, float]]
    baselines: Callable[[], dict[str, dict[str, Any]]]
    artifacts: Mapping[str, Callable[[Path], None]]
    show: Callable[[Params, Key], str]
    headline: str
    selection: str = "loss"
    unit: str = "tokens"
    finish: Callable[[Params, Path, Compile], dict[str, dict[str, Any]]] = lambda params, folder, jit: {}
