from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.models.word_completion import FollowerCounts, WordList, word_list_of

WORDS = st.lists(st.text("ab", min_size=1, max_size=3), unique=True, max_size=10)


@settings(max_examples=40)
@given(WORDS, st.text("ab", max_size=2), st.integers(1, 4), st.integers(0, 99))
def test_the_best_words_are_those_that_a_look_at_every_word_finds(words, prefix, num_best, seed):
    scores = np.random.default_rng(seed).integers(0, 3, len(words)).astype(float)
    scores[scores == 0] = -np.inf
    longer = [
        (-score, word)
        for word, score in zip(words, scores.tolist(), strict=True)
        if word.startswith(prefix) and word != prefix and score > -np.inf
    ]
    assert WordList(words).best(scores, prefix, num_best) == [word for _, word in sorted(longer)[:num_best]]


@settings(max_examples=40)
@given(st.lists(st.sampled_from("abcde"), min_size=3, max_size=40), st.integers(0, 2))
def test_words_are_ranked_by_their_count_after_the_longest_context_then_the_next(tokens, length):
    words = sorted(set(tokens) - {"e"})
    counts = FollowerCounts.of(tokens, words=words, max_context=2)
    before = tokens[1 : 1 + length]

    def key(word):
        grams = [Counter(zip(*(tokens[shift:] for shift in range(n + 1)), strict=False)) for n in range(length + 1)]
        return [grams[n][(*before[length - n :], word)] for n in range(length, -1, -1)]

    scores = dict(zip(words, counts.scores(before).tolist(), strict=True))
    for one in words:
        for other in words:
            assert (scores[one] > scores[other]) == (key(one) > key(other))


def test_a_context_that_was_never_seen_leaves_the_words_own_counts():
    counts = FollowerCounts.of(["a", "b", "b"], words=["a", "b"], max_context=2)
    np.testing.assert_array_equal(counts.scores(["x", "y"]), counts.scores([]))


def test_rare_words_and_those_left_out_are_not_listed():
    assert word_list_of(["a", "b", "a", "c", "b", "<eos>", "<eos>"], min_count=2, leave_out=["<eos>"]) == ["a", "b"]
