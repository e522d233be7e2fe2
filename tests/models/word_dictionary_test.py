import time
from collections import defaultdict

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.models.word_dictionary import fit_dictionary, translate_word_by_word

SENTENCES = st.lists(st.sampled_from("abc"), max_size=4).map(" ".join)
TARGETS = st.lists(st.sampled_from("xyz"), max_size=4).map(" ".join)


def in_loops(pairs, num_iterations):
    """IBM model 1 as it is printed, and the first of the likeliest translations by name."""
    texts = [(["", *source.split()], target.split()) for source, target in pairs]
    probabilities = defaultdict(lambda: 1.0)
    for _ in range(num_iterations):
        counts, totals = defaultdict(float), defaultdict(float)
        for source, target in texts:
            for theirs in target:
                total = sum(probabilities[ours, theirs] for ours in source)
                for ours in source:
                    counts[ours, theirs] += probabilities[ours, theirs] / total
                    totals[ours] += probabilities[ours, theirs] / total
        probabilities = defaultdict(float, {key: count / totals[key[0]] for key, count in counts.items()})
    best = {}
    for ours, theirs in sorted(probabilities):
        if ours and round(probabilities[ours, theirs], 9) > round(probabilities.get((ours, best.get(ours)), 0.0), 9):
            best[ours] = theirs
    return best


@hypothesis.given(pairs=st.lists(st.tuples(SENTENCES, TARGETS), max_size=6), num_iterations=st.integers(1, 5))
def test_the_dictionary_is_that_of_the_model_in_plain_loops(pairs, num_iterations):
    assert fit_dictionary(pairs, num_iterations=num_iterations) == in_loops(pairs, num_iterations)


def test_words_that_always_stand_together_are_told_apart_by_those_that_do_not():
    words = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier"}
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(60):
        source = rng.permutation(list(words))[:3].tolist()
        pairs.append((" ".join(source), " ".join(rng.permutation([words[word] for word in source]).tolist())))
    assert fit_dictionary(pairs) == words


def test_pairs_beyond_the_bounds_are_not_counted():
    pairs = [("a", "x"), ("b c", "y"), ("d", "z")]
    assert fit_dictionary(pairs, max_words=1) == {"a": "x", "d": "z"}
    assert fit_dictionary(pairs, max_pairs=1) == {"a": "x"}
    assert fit_dictionary([]) == fit_dictionary([("", "")]) == fit_dictionary([("a", "")]) == {}
    assert fit_dictionary([(" ".join(["a"] * 100_000), "x")]) == {}
    with pytest.raises(SeqlabError, match="at least 1; got 0"):
        fit_dictionary(pairs, num_iterations=0)


def test_a_translation_keeps_the_order_and_what_it_does_not_know():
    assert translate_word_by_word({"a": "x", "b": "y"}, " b  c a") == "y c x"


@pytest.mark.slow
def test_multi30k_takes_half_a_minute_at_most(data_folder):
    folder = data_folder / "multi30k" / "tok"
    sides = [(folder / f"train.lc.norm.tok.{side}").read_text().splitlines() for side in ("en", "de")]
    start = time.process_time()
    dictionary = fit_dictionary(zip(*sides, strict=True))
    assert time.process_time() - start < 30
    assert [dictionary[word] for word in ("dog", "woman", "water", "red")] == ["hund", "frau", "wasser", "roten"]
