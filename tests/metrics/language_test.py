import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.metrics import bits, language_scores, perplexity


@given(st.floats(0, 500))
def test_perplexity_is_two_to_the_bits(nats):
    assert perplexity(nats) == pytest.approx(2 ** bits(nats), rel=1e-10)


@given(st.integers(1, 100_000))
def test_a_uniform_guess_among_n_has_perplexity_n(num_tokens):
    assert perplexity(math.log(num_tokens)) == pytest.approx(num_tokens)
    assert bits(math.log(num_tokens)) == pytest.approx(math.log2(num_tokens))


@given(st.floats(0, 1e308))
def test_perplexity_is_exp_and_infinite_only_beyond_a_float(nats):
    try:
        expected = math.exp(nats)
    except OverflowError:
        expected = math.inf
    assert perplexity(nats) == expected


@pytest.mark.parametrize("nats", [705.0, 709.78, 709.79, math.inf])
def test_perplexity_at_the_edge_of_a_float(nats):
    assert math.isfinite(perplexity(nats)) == (nats < 709.785)


def test_a_nan_stays_one():
    assert math.isnan(perplexity(math.nan))
    assert math.isnan(bits(math.nan))


def test_characters_are_scored_in_bits_and_words_by_perplexity():
    assert language_scores(math.log(4), "char") == {"bits_per_character": 2.0}
    assert language_scores(0.0, "word") == {"perplexity": 1.0}
