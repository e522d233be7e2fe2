"""Scores of a classifier, all from its confusion matrix: how often each class was taken for each.

Of class k, with TP rows that are k and called k, FP called k that are not, FN that are k and not called k, TN the rest:

    precision   = TP / (TP + FP)        recall = TP / (TP + FN)        specificity = TN / (TN + FP)
    F1          = 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall
    macro F1    = the mean of F1 over the classes

A ratio with nothing below its line is 0. Counts add up over batches, and so do both sides of every ratio.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Bool, Float, Int
from seqlab.metrics.accumulate import Mean, Metrics

RATIOS = ("precision", "recall", "specificity", "f1")


def confusion_matrix(
    predicted: Int[Array, "*B"], targets: Int[Array, "*B"], num_classes: int, mask: Bool[Array, "*B"] | None = None
) -> Float[Array, "V V"]:
    """Counts [target, predicted] over the elements where ``mask`` holds.

    >>> confusion_matrix(jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), 2).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    classes = jnp.arange(num_classes)
    exists = jnp.ones(targets.shape, bool) if mask is None else mask
    is_target = (targets[..., None] == classes) & exists[..., None]
    is_predicted = predicted[..., None] == classes
    shape = (-1, num_classes)
    return is_target.reshape(shape).astype(jnp.float32).T @ is_predicted.reshape(shape).astype(jnp.float32)


def class_ratios(counts: Float[Array, "V V"], names: Sequence[str]) -> Metrics:
    """Precision, recall, specificity and F1 of each class as sums to divide, by ``precision_NAME`` and so on.

    >>> ratios = class_ratios(jnp.array([[8.0, 2.0], [1.0, 9.0]]), ["bad", "good"])
    >>> ratios["recall_bad"].compute(), ratios["precision_good"].compute()
    (0.8, 0.8181818181818182)
    """
    total = counts.sum()
    right, actual, called = jnp.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    sides = {
        "precision": (right, called),
        "recall": (right, actual),
        "specificity": (total - actual - called + right, total - actual),
        "f1": (2 * right, actual + called),
    }
    return {
        f"{ratio}_{name}": Mean(above[index], below[index])
        for ratio, (above, below) in sides.items()
        for index, name in enumerate(names)
    }


def with_macro_f1(scores: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """The scores and, as ``macro_f1``, the mean of the classes' F1."""
    return {**scores, "macro_f1": sum(scores[f"f1_{name}"] for name in names) / len(names)}


def best_threshold(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The threshold t of two classes: the second one is called where its probability is at least t.

    It maximises macro F1, which treats both classes alike, over all thresholds between two of the probabilities; the
    largest of equals. 0.5 where all rows have the same probability.

    Args:
        probabilities: of the second class [N].
        targets: 0 or 1 [N].

    >>> best_threshold(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1]))
    0.25
    """
    order = np.argsort(-probabilities, kind="stable")
    descending, right = probabilities[order], np.cumsum(targets[order])
    num_called = np.arange(1, len(order))
    true_positive = right[:-1]
    num_positive, num_negative = right[-1], len(order) - right[-1]
    true_negative = num_negative - (num_called - true_positive)
    f1 = 2 * true_positive / np.maximum(num_called + num_positive, 1)
    f1_other = 2 * true_negative / np.maximum(len(order) - num_called + num_negative, 1)
    macro = np.where(descending[:-1] > descending[1:], (f1 + f1_other) / 2, -1.0)
    if not macro.size or macro.max() < 0:
        return 0.5
    best = int(macro.argmax())
    return float((descending[best] + descending[best + 1]) / 2)
