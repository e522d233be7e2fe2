"""Multinomial naive Bayes: a text as a bag of words, each drawn by its class alone. What a classifier has to beat.

log P(c | w_1 ... w_n) = log P(c) + sum_i log P(w_i | c) + const,   P(w | c) = (count(w, c) + 1) / (count(c) + V)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class NaiveBayes(NamedTuple):
    """Counted probabilities.

    Attributes:
        log_priors: log P(c) [V].
        log_likelihoods: log P(w | c) [V, words].
    """

    log_priors: np.ndarray
    log_likelihoods: np.ndarray


def fit_naive_bayes(
    texts: Sequence[np.ndarray], labels: np.ndarray, num_words: int, num_classes: int, added: float = 1.0
) -> NaiveBayes:
    """Counts texts, each the ids of its words [T], with labels [N]; ``added`` goes onto every count of a word."""
    counts = np.zeros((num_classes, num_words))
    for text, label in zip(texts, labels.tolist(), strict=True):
        np.add.at(counts[label], text, 1.0)
    counts += added
    priors = np.bincount(labels, minlength=num_classes) / len(labels)
    return NaiveBayes(np.log(priors), np.log(counts / counts.sum(axis=1, keepdims=True)))


def label_ratios(model: NaiveBayes) -> np.ndarray:
    """How much more often each class has a word than classes do on average, log P(w | c) - mean over c [words, V]."""
    return (model.log_likelihoods - model.log_likelihoods.mean(axis=0)).T


def log_probabilities(model: NaiveBayes, texts: Sequence[np.ndarray]) -> np.ndarray:
    """The log of P(c | text) [N, V].

    >>> model = fit_naive_bayes([np.array([0, 0]), np.array([1])], np.array([0, 1]), num_words=2, num_classes=2)
    >>> log_probabilities(model, [np.array([0]), np.array([1])]).argmax(axis=1).tolist()
    [0, 1]
    """
    joint = np.stack([model.log_priors + model.log_likelihoods[:, text].sum(axis=1) for text in texts])
    return joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
