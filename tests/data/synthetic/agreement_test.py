import functools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.data.synthetic.agreement import (
    BEINGS,
    KINDS,
    OPENERS,
    THINGS,
    VERBS,
    agreement_batch,
    make_sentence,
    vocabulary,
    words_of,
)
from seqlab.data.vocabulary import UNKNOWN_ID

WORDS = vocabulary()
# What decides the answer, by its own list: place of the answer in ``KINDS`` -> words that say it.
DECIDERS = {
    "tense": [{pair[answer].split()[0] for pair in OPENERS} for answer in (0, 1)],
    "number": [set(BEINGS), {being + "s" for being in BEINGS}],
}
SINGULAR = set(BEINGS + THINGS)
PLURAL = {noun + "s" for noun in SINGULAR}

kinds_and_distances = st.sampled_from([*KINDS]).flatmap(
    lambda kind: st.tuples(st.just(kind), st.integers(1 + (kind == "tense"), 45))
)
seeds = st.integers(0, 2**16)


def sentences(kind, distance, answer, seed=0):
    return make_sentence(np.random.default_rng(seed), kind, answer, distance)


@given(kinds_and_distances, seeds)
@settings(max_examples=60)
def test_either_answer_has_the_same_words_but_for_the_one_that_decides(kind_and_distance, seed):
    kind, distance = kind_and_distance
    one, other = (sentences(kind, distance, answer, seed) for answer in (0, 1))
    (place,) = (k for k, pair in enumerate(zip(one.words, other.words, strict=True)) if len(set(pair)) > 1)
    assert one.words[place] in DECIDERS[kind][0]
    assert other.words[place] in DECIDERS[kind][1]
    assert len(one.words) - place == distance == one.distance
    assert (one.verb, other.verb) == KINDS[kind]


@given(kinds_and_distances, st.integers(0, 1), seeds)
@settings(max_examples=60)
def test_every_word_is_in_the_vocabulary_and_spelt_as_a_user_s_text_would_be(kind_and_distance, answer, seed):
    kind, distance = kind_and_distance
    words = sentences(kind, distance, answer, seed).words
    assert (WORDS.encode(words) > UNKNOWN_ID).all()
    assert words_of(" ".join(words).capitalize() + ",") == words


@functools.cache
def batch_of(rows=4000, longest=20):
    return agreement_batch(np.random.default_rng(0), rows, longest, WORDS)


def test_no_word_between_tells_the_answer():
    # Of each word that stands between, the share of rows with the second answer is a half up to chance.
    seen, second = Counter(), Counter()
    for seed in range(1500):
        answer = int(np.random.default_rng((1, seed)).integers(2))
        for kind in KINDS:
            between = sentences(kind, 15, answer, seed).words[2:]
            seen.update(set(between))
            second.update(set(between) if answer else ())
    frequent = [word for word in seen if seen[word] >= 100]
    assert len(frequent) > 40
    for word in frequent:
        # Sentences of both kinds share their answers, so that a word's rows are up to two of a kind.
        deviation = np.sqrt(2 * 0.25 / seen[word])
        assert second[word] / seen[word] == pytest.approx(0.5, abs=5 * deviation), word


def test_nouns_of_both_numbers_stand_between():
    for kind in KINDS:
        words = {word for seed in range(50) for word in sentences(kind, 20, 0, seed).words[3:]}
        assert words & SINGULAR
        assert words & PLURAL


def test_rows_are_the_sentences_before_the_verb_padded_with_0():
    batch = batch_of(200)
    for row, length, target in zip(batch.inputs, batch.lengths, batch.targets, strict=True):
        assert (row[:length] > 1).all()
        assert (row[length:] == 0).all()
        words = WORDS.decode(row[:length])
        kind = "tense" if words[-1] == "i" else "number"
        decider = words[0] if kind == "tense" else words[1]
        assert VERBS[target] == KINDS[kind][[decider in deciders for deciders in DECIDERS[kind]].index(True)]


def test_the_groups_are_distances_and_all_of_them_occur_as_often():
    batch = batch_of()
    counts = np.bincount(batch.groups)
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:], 200, atol=5 * np.sqrt(4000 / 20))
    ends_on_i = batch.inputs[np.arange(4000), batch.lengths - 1] == WORDS.encode(["i"])[0]
    # A sentence about a time has as many words as its distance, one about a subject has its determiner before that.
    np.testing.assert_array_equal(batch.lengths, batch.groups + ~ends_on_i)


def test_the_four_verbs_are_about_as_frequent_and_a_distance_of_1_is_of_the_second_kind():
    batch = batch_of(longest=40)
    np.testing.assert_allclose(np.bincount(batch.targets), 1000, atol=5 * np.sqrt(4000 * 3 / 16) + 0.025 * 1000)
    assert {VERBS[target] for target in batch.targets[batch.groups == 1]} == {"was", "were"}


@pytest.mark.parametrize(("kind", "distance"), [("tense", 1), ("number", 0)])
def test_a_distance_that_a_kind_cannot_have_is_refused(kind, distance):
    with pytest.raises(SeqlabError, match=f"kind {kind} has a distance of at least {distance + 1}; got {distance}"):
        sentences(kind, distance, 0)
