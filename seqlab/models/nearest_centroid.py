"""The nearest centroid: a class is the mean of its training vectors, a vector is of the class whose mean is nearest.

Distances are counted in units of the standard deviation within the classes, feature by feature. This is what classes
that are Gaussians with one diagonal covariance come to,

    log p(k | x) = log p(k) - 1/2 sum_f ((x_f - mean_kf) / s_f)^2 + const,

so that there are probabilities too (Tibshirani et al., 2002, without their shrinkage).
"""

from typing import NamedTuple

import numpy as np


class NearestCentroid(NamedTuple):
    """The means of the classes.

    Attributes:
        means: [V, F].
        deviations: within the classes [F]; infinite where a feature never changes, which then tells nothing.
        log_shares: of the classes in training [V].
    """

    means: np.ndarray
    deviations: np.ndarray
    log_shares: np.ndarray


def fit_nearest_centroid(inputs: np.ndarray, targets: np.ndarray, num_classes: int) -> NearestCentroid:
    """Fits vectors [N, F] and their classes [N], of which each occurs."""
    counts = np.bincount(targets, minlength=num_classes)
    means = np.stack([inputs[targets == label].mean(axis=0) for label in range(num_classes)])
    variances = ((inputs - means[targets]) ** 2).mean(axis=0)
    deviations = np.where(variances > 1e-12, np.sqrt(variances), np.inf)
    return NearestCentroid(means, deviations, np.log(counts / counts.sum()))


def log_probabilities(model: NearestCentroid, inputs: np.ndarray) -> np.ndarray:
    """The logarithms of the classes' probabilities for vectors [N, F]: [N, V].

    >>> model = fit_nearest_centroid(np.array([[0.0], [2.0], [9.0], [11.0]]), np.array([0, 0, 1, 1]), 2)
    >>> log_probabilities(model, np.array([[3.0], [8.0]])).argmax(axis=1).tolist()
    [0, 1]
    """
    scaled = (inputs[:, None, :] - model.means) / model.deviations
    scores = model.log_shares - 0.5 * (scaled**2).sum(axis=-1)
    largest = scores.max(axis=1, keepdims=True)
    return scores - largest - np.log(np.exp(scores - largest).sum(axis=1, keepdims=True))
