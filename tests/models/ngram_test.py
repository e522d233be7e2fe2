import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.data.texts import load_text
from seqlab.models.ngram import best_ngram, ngram_nats, ngram_nats_by_order

VOCABULARY_SIZE = 4
id_lists = st.lists(st.integers(0, VOCABULARY_SIZE - 1), max_size=30)


def counted_ngrams(ids, order):
    padded = [None] * (order - 1) + list(ids)
    return [(tuple(padded[i : i + order - 1]), padded[i + order - 1]) for i in range(len(ids))]


def brute_force_nats(train, test, vocabulary_size, order, smoothing):
    joint = Counter(counted_ngrams(train, order))
    contexts = Counter(context for context, _ in counted_ngrams(train, order))
    total = 0.0
    for context, token in counted_ngrams(test, order):
        total -= math.log((joint[context, token] + smoothing) / (contexts[context] + smoothing * vocabulary_size))
    return total / len(test)


@given(
    train=id_lists,
    test=id_lists.filter(bool),
    order=st.integers(1, 5),
    smoothing=st.sampled_from([0.01, 0.1, 1.0]),
)
def test_the_score_is_that_of_counting_with_dictionaries(train, test, order, smoothing):
    expected = brute_force_nats(train, test, VOCABULARY_SIZE, order, smoothing)
    found = ngram_nats(np.array(train, np.int32), np.array(test, np.int32), VOCABULARY_SIZE, order, smoothing)
    assert found == pytest.approx(expected, rel=1e-12)


@given(train=id_lists, context=id_lists, order=st.integers(1, 4))
def test_the_probabilities_of_the_next_token_sum_to_one(train, context, order):
    def total_nats(ids):
        return len(ids) * ngram_nats(np.array(train, int), np.array(ids, int), VOCABULARY_SIZE, order) if ids else 0.0

    before = total_nats(context)
    probabilities = [math.exp(before - total_nats([*context, token])) for token in range(VOCABULARY_SIZE)]
    assert sum(probabilities) == pytest.approx(1.0, rel=1e-9)


def test_a_context_that_was_never_seen_gives_all_tokens_alike():
    train, test = np.zeros(20, np.int32), np.array([3, 3, 3, 3])
    nats = ngram_nats(train, test, vocabulary_size=10, order=2)
    first = math.log((20 / 20 + 0.1 * 10) / 0.1)  # only the start symbol was seen, once, and 0 came after it
    assert nats == pytest.approx((first + 3 * math.log(10)) / 4)


def test_long_contexts_over_a_large_vocabulary_do_not_overflow():
    vocabulary_size = 2**31
    ids = np.array([vocabulary_size - 1, 5, vocabulary_size - 2, 0] * 3)
    expected = brute_force_nats(ids.tolist(), ids.tolist(), vocabulary_size, 6, 0.1)
    assert ngram_nats(ids, ids, vocabulary_size, order=6) == pytest.approx(expected, rel=1e-12)


@given(train=id_lists, validation=id_lists.filter(bool))
def test_the_best_order_is_the_one_with_the_fewest_nats(train, validation):
    train_ids, validation_ids = np.array(train, np.int32), np.array(validation, np.int32)
    choice = best_ngram(train_ids, validation_ids, VOCABULARY_SIZE, max_order=4)
    nats = [ngram_nats(train_ids, validation_ids, VOCABULARY_SIZE, order) for order in (1, 2, 3, 4)]
    assert choice.nats == min(nats) == nats[choice.order - 1]


@pytest.mark.parametrize(
    ("train", "test", "changes"),
    [
        ([0, 4], [0], {}),
        ([0], [-1], {}),
        ([0], [], {}),
        ([0], [0], {"order": 0}),
        ([0], [0], {"smoothing": 0.0}),
        ([0], [0], {"smoothing": math.nan}),
    ],
)
def test_ids_orders_and_smoothings_without_a_probability_are_refused(train, test, changes):
    arguments = {"vocabulary_size": 4, "order": 2} | changes
    with pytest.raises(SeqlabError):
        ngram_nats(np.array(train, int), np.array(test, int), **arguments)
    with pytest.raises(SeqlabError, match="order must be at least 1"):
        best_ngram(np.array([0]), np.array([0]), 4, max_order=0)


def test_tinyshakespeare_has_the_bits_a_character_that_were_computed_elsewhere(data_folder):
    splits = load_text("tinyshakespeare", data_dir=data_folder)
    train, last_tenth = splits.validation + splits.train, splits.test
    alphabet = np.array(sorted(set(train + last_tenth)))
    train_ids = np.searchsorted(alphabet, np.array(list(train)))
    test_ids = np.searchsorted(alphabet, np.array(list(last_tenth)))
    nats = ngram_nats_by_order(train_ids, test_ids, len(alphabet), max_order=5)
    np.testing.assert_allclose(np.array(nats) / math.log(2), [4.83, 3.58, 2.95, 2.57, 2.58], atol=0.005)
