"""Scores of a classifier's probabilities over all thresholds, and of its calls where classes are of unequal size.

    AUROC    the chance that a row of the class is scored above one that is not; ties count half
    AUPRC    the precision at every row of the class, from the highest score down, on average (average precision)
    MCC      (c n - sum_k t_k p_k) / sqrt((n^2 - sum_k p_k^2) (n^2 - sum_k t_k^2)), with n rows, c of them right, t_k of
             class k and p_k called so: the correlation of calls and classes; of two classes, Matthews'

More than two classes have the mean of AUROC and AUPRC, each class against all others; of two it is the second class
that counts. A class that no row, or every row, is of has neither.

References:
    Hanley and McNeil, The meaning and use of the area under a ROC curve, 1982; Davis and Goadrich, The relationship
    between precision-recall and ROC curves, 2006; Gorodkin, Comparing two K-category assignments, 2004.
"""

import numpy as np


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The area under the curve of true positives over false positives; nan where one of both does not occur.

    Args:
        scores: larger for what is more probably positive [N].
        positive: whether it is [N].

    >>> auroc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    num_positive = int(positive.sum())
    num_pairs = num_positive * (len(scores) - num_positive)
    if not num_pairs:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # From 1; equal scores share the mean of their ranks.
    return float((ranks[positive].sum() - num_positive * (num_positive + 1) / 2) / num_pairs)


def auprc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The average precision, sum_i (recall_i - recall_{i-1}) precision_i over thresholds; nan as in `auroc`.

    >>> round(auprc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])), 4)
    0.8333
    """
    num_positive = int(positive.sum())
    if not 0 < num_positive < len(scores):
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(positive[order])
    # Rows of equal score are called together.
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    precision, recall = right[last] / (last + 1), right[last] / num_positive
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def matthews(predicted: np.ndarray, targets: np.ndarray, num_classes: int) -> float:
    """The correlation of called classes [N] with right ones [N]; 0 where all calls, or all classes, are one.

    >>> matthews(np.array([0, 1, 1, 0]), np.array([0, 1, 1, 1]), 2)
    0.5773502691896258
    """
    called = np.bincount(predicted, minlength=num_classes).astype(np.float64)
    actual = np.bincount(targets, minlength=num_classes).astype(np.float64)
    num_rows, right = len(targets), float((predicted == targets).sum())
    spread = (num_rows**2 - (called**2).sum()) * (num_rows**2 - (actual**2).sum())
    return float((right * num_rows - (called * actual).sum()) / np.sqrt(spread)) if spread > 0 else 0.0


def ranking_scores(probabilities: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """``auroc`` and ``auprc`` from probabilities [N, V] and classes [N], the mean over the classes that have them."""
    num_classes = probabilities.shape[1]
    classes = [1] if num_classes == 2 else range(num_classes)
    found = {}
    for name, area in {"auroc": auroc, "auprc": auprc}.items():
        areas = [area(probabilities[:, label], targets == label) for label in classes]
        exist = [value for value in areas if np.isfinite(value)]
        if exist:
            found[name] = float(np.mean(exist))
    return found
