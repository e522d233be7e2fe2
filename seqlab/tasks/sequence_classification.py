"""What classifiers of whole sequences have in common: their loss, their scores, the distances that tell rows apart."""

from collections.abc import Callable, Sequence
from typing import Any

from seqlab.core.array_types import Array
from seqlab.data.batch import Batch
from seqlab.losses import WeightedSum, softmax_cross_entropy
from seqlab.metrics import accuracy
from seqlab.metrics.accumulate import Metrics

NUM_BUCKETS = 8


def classification_loss(logits: Array, batch: Batch, label_smoothing: Any) -> WeightedSum:
    """Cross entropy of logits [B, V] with the targets [B]."""
    return softmax_cross_entropy(logits, batch.targets, label_smoothing=label_smoothing)


def classification_metrics(logits: Array, batch: Batch) -> Metrics:
    """Accuracy of logits [B, V]."""
    return {"accuracy": accuracy(logits, batch.targets)}


def distance_buckets(longest: int) -> list[tuple[int, int]]:
    """Distances from 1 to ``longest`` in at most eight ranges of the same width, the last one perhaps narrower.

    >>> distance_buckets(20)
    [(1, 3), (4, 6), (7, 9), (10, 12), (13, 15), (16, 18), (19, 20)]
    """
    width = -(-longest // NUM_BUCKETS)
    return [(low, min(low + width - 1, longest)) for low in range(1, longest + 1, width)]


def accuracy_by_distance(buckets: Sequence[tuple[int, int]]) -> Callable[[Array, Batch], Metrics]:
    """Accuracy over all rows, and over those whose distance, ``Batch.groups``, lies in each range.

    The names are ``accuracy_at_LOW_to_HIGH``; ``seqlab.report.distance`` reads them.
    """

    def measure(logits: Array, batch: Batch) -> Metrics:
        apart = {
            f"accuracy_at_{low}_to_{high}": accuracy(
                logits, batch.targets, (batch.groups >= low) & (batch.groups <= high)
            )
            for low, high in buckets
        }
        return {**classification_metrics(logits, batch), **apart}

    return measure
