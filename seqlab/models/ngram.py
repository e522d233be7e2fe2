"""Counted n-grams: the baseline that stands beside a recurrent language model's score.

An n-gram model of order n says the next token from the n - 1 before it, by counts in the training text with k added
to each (Lidstone's law; k = 1 is Laplace's):

    P(w | context) = (count(context, w) + k) / (count(context) + k V)

A context that was never seen gives 1 / V. Before a text's first token stand n - 1 start symbols that lie outside the
vocabulary, in training and test alike, so that every token is counted and scored, and each P sums to one over V.
The unigram is order 1. See Manning and Schuetze, Foundations of Statistical Natural Language Processing (1999),
section 6.2. Plain numpy on the host.
"""

from typing import NamedTuple

import numpy as np

from seqlab.core.errors import SeqlabError


class NgramChoice(NamedTuple):
    """The order that did best.

    Attributes:
        order: how many tokens an n-gram has, the one that is predicted included.
        nats: mean nats a token of the split that it was chosen on.
    """

    order: int
    nats: float


def ngram_nats(
    train_ids: np.ndarray, test_ids: np.ndarray, vocabulary_size: int, order: int, smoothing: float = 0.1
) -> float:
    """Mean of -log P(w | context) over the tokens of a text, in nats; divide by log 2 for bits.

    Args:
        train_ids: the text that is counted [N].
        test_ids: the text that is scored [M].
        vocabulary_size: number of different ids V; all ids lie below it.
        order: length of an n-gram, at least 1.
        smoothing: what is added to each count (k), above 0.

    Raises:
        SeqlabError: an id outside [0, V), nothing to score, an order below 1, or smoothing that is not above 0.

    >>> round(float(np.exp(-ngram_nats(np.array([0, 1, 1]), np.array([1]), 2, order=1, smoothing=1.0))), 3)
    0.6
    """
    return ngram_nats_by_order(train_ids, test_ids, vocabulary_size, order, smoothing)[-1]


def best_ngram(
    train_ids: np.ndarray,
    validation_ids: np.ndarray,
    vocabulary_size: int,
    max_order: int = 5,
    smoothing: float = 0.1,
) -> NgramChoice:
    """The order, from 1 to ``max_order``, with the fewest nats a token on the validation split; the lower on a tie.

    Raises:
        SeqlabError: what `ngram_nats` raises, or a ``max_order`` below 1.

    >>> best_ngram(np.array([0, 1] * 50), np.array([0, 1] * 5), 2, max_order=3).order
    2
    """
    nats = ngram_nats_by_order(train_ids, validation_ids, vocabulary_size, max_order, smoothing)
    best = int(np.argmin(nats))
    return NgramChoice(best + 1, nats[best])


def ngram_nats_by_order(
    train_ids: np.ndarray, test_ids: np.ndarray, vocabulary_size: int, max_order: int, smoothing: float = 0.1
) -> list[float]:
    """`ngram_nats` of the orders 1 to ``max_order``, for the cost of the last.

    Raises:
        SeqlabError: what `ngram_nats` raises.

    >>> [round(nats, 2) for nats in ngram_nats_by_order(np.array([0, 1] * 50), np.array([0, 1] * 5), 2, 2)]
    [0.69, 0.01]
    """
    _check(train_ids, test_ids, vocabulary_size, max_order, smoothing)
    tokens = np.concatenate([train_ids, test_ids]).astype(np.int64)
    num_train = len(train_ids)
    context = np.zeros_like(tokens)
    nats = []
    for order in range(1, max_order + 1):
        if order > 1:  # a context is the one of the order before, and one more token to its left
            earlier = [_shift(text, order - 1, vocabulary_size) for text in (tokens[:num_train], tokens[num_train:])]
            context = _renumber(context * (vocabulary_size + 1) + np.concatenate(earlier))
        counts = _train_counts(context, num_train)
        joint_counts = _train_counts(_renumber(context * vocabulary_size + tokens), num_train)
        probability = (joint_counts + smoothing) / (counts + smoothing * vocabulary_size)
        nats.append(float(-np.mean(np.log(probability))))
    return nats


def _renumber(keys: np.ndarray) -> np.ndarray:
    """Equal keys to equal numbers below N, so that no order's keys outgrow 64 bits: each is below N (V + 1)."""
    return np.unique(keys, return_inverse=True)[1]


def _train_counts(numbers: np.ndarray, num_train: int) -> np.ndarray:
    """How often each test token's number occurs in the training part."""
    return np.bincount(numbers[:num_train], minlength=numbers.max() + 1)[numbers[num_train:]]


def _shift(tokens: np.ndarray, distance: int, start_id: int) -> np.ndarray:
    """What stands ``distance`` places before each token, the start symbol before the first."""
    padding = np.full(min(distance, len(tokens)), start_id)
    return np.concatenate([padding, tokens[: len(tokens) - len(padding)]])


def _check(train_ids: np.ndarray, test_ids: np.ndarray, vocabulary_size: int, max_order: int, smoothing: float) -> None:
    if max_order < 1:
        raise SeqlabError(f"an n-gram's order must be at least 1; got {max_order}.")
    if not (smoothing > 0 and np.isfinite(smoothing)):
        raise SeqlabError(f"smoothing must be above 0 and finite; got {smoothing}.")
    if not len(test_ids):
        raise SeqlabError("a text to score has 0 tokens, expected at least 1.")
    for name, ids in (("train_ids", train_ids), ("test_ids", test_ids)):
        if ids.size and not (ids.min() >= 0 and ids.max() < vocabulary_size):
            raise SeqlabError(f"{name} must lie in [0, {vocabulary_size}); got {ids.min()} to {ids.max()}.")
