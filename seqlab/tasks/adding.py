"""The adding problem as a task: read values and markers, say the sum of the marked values.

Loss: the mean squared error (``mse``); 1/6 for who always says 1. ``within_0.04`` is the share of sums that are less
than 0.04 off, the bound of Hochreiter and Schmidhuber, 1997. The generator is in ``seqlab.data.synthetic.adding``.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array
from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.synthetic.adding import CHANCE_SQUARED_ERROR, adding_batch
from seqlab.losses import WeightedSum, squared_error
from seqlab.metrics import Mean, share_within
from seqlab.metrics.accumulate import Metrics
from seqlab.models.many_to_one import ManyToOne
from seqlab.tasks.whole_sequences import Apply, Problem, SequenceConfig, generated, json_lists

TOLERANCE = 0.04
# The share of |x + y - 1| < t for two uniform numbers is 1 - (1 - t)^2.
CHANCE_WITHIN = 1 - (1 - TOLERANCE) ** 2


def make_problem(config: SequenceConfig) -> Problem:
    """The problem with ``sequence_length`` values in a row."""
    chance = {"loss": CHANCE_SQUARED_ERROR, "mse": CHANCE_SQUARED_ERROR, "within_0.04": CHANCE_WITHIN}
    return Problem(
        name="adding",
        config=config,
        model=ManyToOne(num_outputs=1, recurrent=config.recurrent),
        splits=generated(lambda rng, rows: adding_batch(rng, rows, config.sequence_length), config),
        loss=_loss,
        measure=_measure,
        baselines=lambda: {"always 1": {"validation": chance, "test": chance}},
        examples=_examples,
        answer=_answer,
        headline="mse",
    )


def _loss(answer: Array, batch: Batch, label_smoothing: Any) -> WeightedSum:
    del label_smoothing
    return squared_error(answer[:, 0], batch.targets)


def _measure(answer: Array, batch: Batch) -> Metrics:
    return {
        "mse": Mean(*squared_error(answer[:, 0], batch.targets)),
        "within_0.04": share_within(answer[:, 0], batch.targets, TOLERANCE),
    }


def _examples(batch: Batch) -> list[tuple[str, str]]:
    return [
        (str([[round(value, 2), int(marker)] for value, marker in row.tolist()]), f"{target:.3f}")
        for row, target in zip(batch.inputs, batch.targets, strict=True)
    ]


def _answer(apply: Apply, lines: Sequence[str]) -> list[dict[str, Any]]:
    expected = "a JSON list of pairs [value, marker], such as [[0.3, 1], [0.9, 0], [0.5, 1]]"
    answers = []
    for number, row in enumerate(json_lists(lines, expected), start=1):
        if row.ndim != 2 or row.shape[0] < 1 or row.shape[1] != 2 or not np.isfinite(row).all():
            raise SeqlabError(f"line {number}: expected {expected}; got numbers of shape {list(row.shape)}.")
        answers.append({"steps": len(row), "sum": float(apply(jnp.asarray(row[None]), None)[0, 0])})
    return answers
