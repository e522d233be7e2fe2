"""Metrics as accumulators: empty, merge, compute.

The mean of batch means is not the mean when batches differ in size; sums are, however the data are cut. A metric is
therefore a small tuple of sums that is merged as often as needed, on the device or off it, and divided once.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Float
from seqlab.core.errors import SeqlabError


class Mean(NamedTuple):
    """A mean as a sum and a weight.

    Attributes:
        total: sum of weighted values.
        weight: sum of weights.
    """

    total: Any
    weight: Any

    @classmethod
    def empty(cls) -> "Mean":
        """The mean of nothing: merging it changes nothing."""
        return cls(jnp.zeros(()), jnp.zeros(()))

    def merge(self, other: "Mean") -> "Mean":
        """The mean over both."""
        return Mean(self.total + other.total, self.weight + other.weight)

    def compute(self) -> float:
        """The mean as a number; 0 where the weight is 0."""
        return float(self.total) / float(self.weight) if float(self.weight) else 0.0


Metrics = dict[str, Mean]


def sum_steps(metrics: Metrics) -> Metrics:
    """Merges metrics that were stacked along a first axis, one entry a step, in float64 on the host."""
    return jax.tree.map(lambda steps: np.asarray(steps, np.float64).sum(axis=0), metrics)


def merge(first: Metrics, second: Metrics) -> Metrics:
    """Merges metrics name by name.

    Raises:
        SeqlabError: the two do not have the same names.
    """
    if first.keys() != second.keys():
        raise SeqlabError(f"metrics to merge must have the same names; got {sorted(first)} and {sorted(second)}.")
    return {name: first[name].merge(second[name]) for name in first}


def compute(metrics: Metrics) -> dict[str, float]:
    """Every metric as a number."""
    return {name: metric.compute() for name, metric in metrics.items()}


def accuracy(logits: Float[Array, "*B V"], targets: Array, mask: Array | None = None) -> Mean:
    """The share of elements whose most probable class is the target, over those where ``mask`` holds."""
    correct = (logits.argmax(axis=-1) == targets).astype(jnp.float32)
    if mask is None:
        return Mean(correct.sum(), jnp.array(correct.size, jnp.float32))
    return Mean(jnp.where(mask, correct, 0.0).sum(), mask.sum(dtype=jnp.float32))
