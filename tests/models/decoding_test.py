"""Decoding over a toy model whose every probability can be written down: a Markov chain of order two."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.models.decoding import beam_search, restrict, sample
from tests.contracts.cases import jit

V = 4
KEY = jax.random.key(0)


def table(seed, scale=1.0):
    """Logits of the next token [V, V, V] given the last two; no two are equal."""
    return jnp.asarray(scale * np.random.default_rng(seed).standard_normal((V, V, V)), jnp.float32)


def chain(logits_table):
    """The carry is the token that was read last, so that one that goes to another row is seen."""

    def step(carry, tokens):
        return logits_table[carry, tokens], tokens

    return step


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


# Restrictions


@functools.cache
def restricted(top_k):
    return jax.jit(functools.partial(restrict, top_k=top_k))


def keep(logits, top_k=0, top_p=1.0):
    """Where the restricted logits are finite; the rest of them must be as they were."""
    given = np.asarray(logits, np.float32)
    found = np.asarray(restricted(top_k)(jnp.asarray(given), top_p=top_p))
    kept = found > -np.inf
    np.testing.assert_array_equal(found[kept], given[kept])
    return kept


# Few different values, so that there are ties, and one that is as good as forbidden.
tied_logits = st.lists(st.sampled_from([-30.0, -1.0, 0.0, 0.5, 2.0]), min_size=6, max_size=6).map(np.array)


@given(logits=tied_logits, top_k=st.sampled_from([1, 2, 3, 5, 6, 9]))
def test_top_k_keeps_the_k_most_probable_and_what_ties_with_the_last(logits, top_k):
    least = np.sort(logits)[::-1][min(top_k, 6) - 1]
    np.testing.assert_array_equal(keep(logits, top_k), logits >= least)


@given(logits=tied_logits, top_p=st.floats(0, 1, width=32), top_k=st.sampled_from([0, 3]))
def test_the_nucleus_is_the_smallest_set_of_the_most_probable_that_reaches_top_p(logits, top_p, top_k):
    left = keep(logits, top_k)
    probabilities = np.where(left, np.exp(logits), 0) / np.exp(logits[left]).sum()
    kept = keep(logits, top_k, top_p)
    assert not np.any(kept & ~left)
    np.testing.assert_array_equal(kept, logits >= logits[kept].min())
    rounding = 1e-6
    assert probabilities[kept].sum() >= top_p - rounding
    above = kept & (logits > logits[kept].min())
    if above.any():
        # Without the least of its members it falls short; members that tie come and go together.
        assert probabilities[above].sum() < top_p + rounding


@given(logits=tied_logits)
def test_a_top_p_of_one_keeps_all_and_of_zero_the_most_probable(logits):
    assert keep(logits, top_p=1.0).all()
    np.testing.assert_array_equal(keep(logits, top_p=0.0), logits == logits.max())


def test_no_restriction_is_none():
    assert keep(np.array([5.0, -200.0, 0.0, 0.0])).all()


@given(logits=tied_logits, top_p=st.floats(0, 1, width=32))
@settings(max_examples=30)
def test_top_k_and_then_the_nucleus_is_both_at_once(logits, top_p):
    one_by_one = restricted(0)(restricted(2)(jnp.asarray(logits, jnp.float32)), top_p=top_p)
    np.testing.assert_array_equal(keep(logits, 2, top_p), np.asarray(one_by_one) > -np.inf)


def test_what_was_forbidden_stays_forbidden():
    logits = np.array([-np.inf, 1.0, -np.inf, 0.0])
    for top_k, top_p in [(0, 1.0), (3, 1.0), (0, 0.99), (3, 0.99)]:
        assert keep(logits, top_k, top_p).tolist() == [False, True, False, True]


def test_rows_are_restricted_each_by_itself():
    logits = np.array([[0.0, 1.0, 2.0, 3.0], [3.0, 0.0, 0.0, -30.0]])
    assert keep(logits, top_k=2).tolist() == [[False, False, True, True], [True, True, True, False]]
    rows = [keep(row, top_p=0.8) for row in logits]
    np.testing.assert_array_equal(keep(logits, top_p=0.8), rows)


# Sampling


@functools.cache
def sampler(num_tokens, top_k=0):
    def draw(logits_table, logits, key, temperature, top_p):
        carry = jnp.ones(len(logits), jnp.int32)
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        return sample(chain(logits_table), logits, carry, key, num_tokens, **options)

    return jit(draw)


def draws(num_rows, num_tokens, *, key=KEY, temperature=1.0, top_k=0, top_p=1.0):
    """Samples of the chain, begun as after the tokens 0 and 1."""
    logits = jnp.broadcast_to(table(1)[0, 1], (num_rows, V))
    return np.asarray(sampler(num_tokens, top_k)(table(1), logits, key, temperature, top_p))


def test_a_temperature_of_zero_takes_the_most_probable_token_each_time():
    logits = jax.random.normal(KEY, (6, V))
    found = np.asarray(sampler(5)(table(2), logits, KEY, 0.0, 1.0))
    before, now = np.ones(6, int), np.asarray(logits).argmax(axis=-1)
    for t in range(5):
        np.testing.assert_array_equal(found[:, t], now)
        before, now = now, np.asarray(table(2))[before, now].argmax(axis=-1)
    assert len(set(map(tuple, found))) > 1


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.0, 0, 1.0), (0.5, 0, 1.0), (2.0, 3, 1.0), (1.0, 0, 0.7), (1.5, 3, 0.8)]
)
def test_frequencies_are_those_of_the_restricted_softmax(temperature, top_k, top_p):
    num_rows = 4000
    found = draws(num_rows, 2, temperature=temperature, top_k=top_k, top_p=top_p)

    def probabilities(logits):
        scaled = np.asarray(logits) / temperature
        return np.exp(log_softmax(np.where(keep(scaled, top_k, top_p), scaled, -np.inf)))

    first = probabilities(table(1)[0, 1])
    expected = num_rows * np.stack([first[token] * probabilities(table(1)[1, token]) for token in range(V)])
    counts = np.zeros((V, V))
    np.add.at(counts, tuple(found.T), 1)
    assert not counts[expected == 0].any()
    possible = expected > 0
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    freedom = possible.sum() - 1
    # Mean and variance of the chi-square distribution are n and 2 n; five deviations.
    assert chi_square < freedom + 5 * np.sqrt(2 * freedom)


def test_a_longer_sample_begins_with_the_shorter():
    np.testing.assert_array_equal(draws(5, 9)[:, :4], draws(5, 4))


def test_steps_rows_and_keys_draw_by_themselves():
    found = draws(200, 3)
    again, other = draws(200, 3), draws(200, 3, key=jax.random.key(1))
    np.testing.assert_array_equal(found, again)
    assert not np.array_equal(found, other)
    # Of 200 independent rows of 3 tokens, most of the 64 possible ones are seen.
    assert len(set(map(tuple, found))) > 32


def test_a_row_does_not_depend_on_how_many_others_there_are():
    np.testing.assert_array_equal(draws(7, 4)[:3], draws(3, 4))


def test_no_token_is_a_sample_too():
    assert draws(3, 0).shape == (3, 0)


# Beam search

T = 3
EXACT = V ** (T - 1)


@functools.cache
def searcher(width, num_tokens=T):
    def search(logits_table, logits, stop):
        carry = jnp.ones((1,), jnp.int32)
        return beam_search(chain(logits_table), logits, carry, num_tokens, width=width, stop=stop)

    return jit(search)


def search(logits_table, width, stop=()):
    """The hypotheses that follow the tokens 0 and 1, as numpy arrays."""
    stops = jnp.asarray(np.isin(np.arange(V), stop))
    return jax.tree.map(np.asarray, searcher(width)(logits_table, logits_table[0, 1][None], stops))


def all_hypotheses(logits_table, stop=()):
    """Every sequence that ends at its first stop token or after T tokens, with its log-probability."""
    logits_table, found = np.asarray(logits_table), {}
    for tokens in itertools.product(range(V), repeat=T):
        length = next((t + 1 for t, token in enumerate(tokens) if token in stop), T)
        found[tokens[:length]] = log_probability(logits_table, tokens[:length])
    return found


def log_probability(logits_table, tokens):
    """The chain rule, token by token."""
    logits_table = np.asarray(logits_table)
    total, before, logits = 0.0, 1, logits_table[0, 1]
    for token in tokens:
        total += float(log_softmax(logits)[token])
        before, logits = token, logits_table[before, token]
    return total


def sequences(hypotheses):
    return [tuple(row[:length].tolist()) for row, length in zip(hypotheses.tokens, hypotheses.lengths, strict=True)]


@pytest.mark.parametrize("stop", [(), (2,), (0, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("seed", [3, 4])
def test_a_wide_beam_finds_exactly_what_enumeration_finds(seed, stop):
    every = all_hypotheses(table(seed), stop)
    expected = sorted(every, key=lambda tokens: -every[tokens])[:EXACT]
    found = search(table(seed), EXACT, stop)
    assert sequences(found)[: len(expected)] == expected
    np.testing.assert_allclose(
        found.log_probabilities[: len(expected)], [every[tokens] for tokens in expected], rtol=1e-5, atol=1e-5
    )
    # Where there are fewer than the beam is wide, the rest is marked as nothing.
    assert np.all(found.log_probabilities[len(expected) :] == -np.inf)


def test_all_hypotheses_that_there_are_have_probability_one_together():
    found = search(table(5), V**T, stop=(1,))
    np.testing.assert_allclose(np.exp(found.log_probabilities).sum(), 1, rtol=1e-5)
    # Without the stop token: 27 sequences of three; with it: 1 of one, 3 of two, 9 of three.
    assert np.isfinite(found.log_probabilities).sum() == 27 + 1 + 3 + 9


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("stop", [(), (2,), (0, 3)])
def test_a_narrow_beam_gives_true_probabilities_sorted_and_each_sequence_once(width, stop):
    found = search(table(6, scale=2.0), width, stop)
    assert len(set(sequences(found))) == width
    expected = [log_probability(table(6, scale=2.0), tokens) for tokens in sequences(found)]
    np.testing.assert_allclose(found.log_probabilities, expected, rtol=1e-5, atol=1e-5)
    assert np.all(np.diff(found.log_probabilities) <= 0)


@pytest.mark.parametrize("width", [1, 5, EXACT, V**T])
@pytest.mark.parametrize("stop", [(), (0, 3), (0, 1, 2, 3)])
def test_a_hypothesis_ends_at_its_first_stop_token_and_nothing_stands_behind_it(width, stop):
    found = search(table(7), width, stop)
    for tokens, row, log_p in zip(sequences(found), found.tokens, found.log_probabilities, strict=True):
        assert not row[len(tokens) :].any()
        if log_p > -np.inf:
            assert not set(tokens[:-1]) & set(stop)
            assert len(tokens) == T or tokens[-1] in stop


@pytest.mark.parametrize("seed", range(3))
def test_a_beam_of_one_is_greedy(seed):
    logits = table(seed)[0, 1][None]
    greedy = sampler(T)(table(seed), logits, KEY, 0.0, 1.0)
    np.testing.assert_array_equal(search(table(seed), 1).tokens, np.asarray(greedy))


def test_a_forbidden_token_is_in_no_hypothesis():
    found = search(table(8).at[..., 2].set(-jnp.inf), V**T)
    possible = found.log_probabilities > -np.inf
    assert possible.sum() == 3**T
    assert not np.any(found.tokens[possible] == 2)
    np.testing.assert_allclose(np.exp(found.log_probabilities).sum(), 1, rtol=1e-5)


@pytest.mark.parametrize("length_penalty", [0.5, 2.0])
@pytest.mark.parametrize("stop", [(2,), (0, 3)])
def test_a_length_penalty_orders_hypotheses_by_their_probability_over_it(length_penalty, stop):
    stops = jnp.asarray(np.isin(np.arange(V), stop))

    def ranked(logits, carry):
        return beam_search(chain(table(7)), logits, carry, T, width=V**T, stop=stops, length_penalty=length_penalty)

    found = jax.tree.map(np.asarray, jit(ranked)(table(7)[0, 1][None], jnp.ones((1,), jnp.int32)))
    every = all_hypotheses(table(7), stop)
    scores = {tokens: log_p / ((5 + len(tokens)) / 6) ** length_penalty for tokens, log_p in every.items()}
    assert sequences(found)[: len(every)] == sorted(every, key=lambda tokens: -scores[tokens])
    np.testing.assert_allclose(
        found.log_probabilities[: len(every)], [every[tokens] for tokens in sequences(found)[: len(every)]], rtol=1e-5
    )
