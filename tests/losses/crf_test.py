"""The forward recursion against the sum over all paths, which is the specification."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.linear_chain import FORBIDDEN, Legal, Transitions, forbid
from seqlab.data.bio import legal_transitions, may_follow, tag_set
from seqlab.losses import crf_negative_log_likelihood
from seqlab.losses.crf import crf_log_partition, crf_path_score
from tests.contracts.cases import jit

STEPS, TAGS = 4, 3
partition, path_score, loss_of = jit(crf_log_partition), jit(crf_path_score), jit(crf_negative_log_likelihood)


def case(seed, rows=2, num_tags=TAGS, steps=STEPS):
    rng = np.random.default_rng(seed)
    shapes = [(rows, steps, num_tags), (num_tags,), (num_tags, num_tags), (num_tags,)]
    emissions, *ends = (jnp.asarray(rng.normal(0, 2, shape), jnp.float32) for shape in shapes)
    return emissions, Transitions(*ends)


def score(emissions, transitions, path):
    """The score of one row's path, term by term."""
    emissions, (start, between, end) = np.asarray(emissions), (np.asarray(part) for part in transitions)
    if not path:
        return 0.0
    neighbours = sum(between[pair] for pair in itertools.pairwise(path))
    return start[path[0]] + end[path[-1]] + neighbours + sum(row[tag] for row, tag in zip(emissions, path, strict=True))


def all_scores(emissions, transitions):
    paths = itertools.product(range(emissions.shape[-1]), repeat=len(emissions))
    return {path: score(emissions, transitions, path) for path in paths}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), lengths=st.lists(st.integers(0, STEPS), min_size=2, max_size=2))
def test_the_partition_function_is_the_sum_over_all_paths(seed, lengths):
    emissions, transitions = case(seed)
    found = partition(emissions, transitions, jnp.array(lengths))
    for row, length, value in zip(emissions, lengths, found, strict=True):
        scores = list(all_scores(row[:length], transitions).values())
        assert float(value) == pytest.approx(np.logaddexp.reduce(scores), rel=1e-4, abs=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    lengths=st.lists(st.integers(0, STEPS), min_size=2, max_size=2),
    tags=st.lists(st.lists(st.integers(0, TAGS - 1), min_size=STEPS, max_size=STEPS), min_size=2, max_size=2),
)
def test_the_score_of_a_path_is_the_sum_of_its_terms(seed, lengths, tags):
    emissions, transitions = case(seed)
    found = path_score(emissions, jnp.array(tags), transitions, jnp.array(lengths))
    for row, length, path, value in zip(emissions, lengths, tags, found, strict=True):
        assert float(value) == pytest.approx(score(row[:length], transitions, path[:length]), rel=1e-4, abs=1e-4)


def test_the_probabilities_of_all_paths_sum_to_1():
    emissions, transitions = case(0, rows=1)
    paths = jnp.array(list(itertools.product(range(TAGS), repeat=STEPS)))
    repeated = jnp.repeat(emissions, len(paths), axis=0)
    log_likelihoods = path_score(repeated, paths, transitions) - partition(repeated, transitions)
    assert float(jnp.exp(log_likelihoods).sum()) == pytest.approx(1, abs=1e-4)


def test_without_transitions_each_word_is_a_softmax_of_its_own():
    emissions, transitions = case(1)
    tags = jnp.array([[0, 1, 2, 0], [2, 2, 1, 0]])
    zeros = jax.tree.map(jnp.zeros_like, transitions)
    total, weight = loss_of(emissions, tags, zeros, jnp.array([4, 2]))
    chosen = jnp.take_along_axis(jax.nn.log_softmax(emissions), tags[..., None], axis=-1)[..., 0]
    assert float(total) == pytest.approx(-float(chosen[0].sum() + chosen[1, :2].sum()), rel=1e-5)
    assert float(weight) == 6


def test_padding_may_hold_anything_and_gets_no_gradient():
    emissions, transitions = case(2)
    lengths = jnp.array([2, 0])
    tags = jnp.array([[0, 2, 1, 1], [1, 1, 1, 1]])
    clean = loss_of(emissions, tags, transitions, lengths)
    dirty = emissions.at[0, 2:].set(jnp.nan).at[1].set(jnp.inf)
    other_tags = tags.at[0, 2:].set(0)
    assert loss_of(dirty, other_tags, transitions, lengths) == clean
    short = loss_of(emissions[:1, :2], tags[:1, :2], transitions, lengths[:1])
    np.testing.assert_allclose(clean.total, short.total, rtol=1e-6)
    gradient_of = jit(jax.grad(lambda row, moves: crf_negative_log_likelihood(row, tags, moves, lengths).total, (0, 1)))
    gradients = gradient_of(dirty, transitions)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradients))
    assert not gradients[0][0, 2:].any()
    assert not gradients[0][1].any()


def test_rows_of_length_0_alone_cost_nothing():
    emissions, transitions = case(3)
    assert loss_of(emissions, jnp.zeros((2, STEPS), jnp.int32), transitions, jnp.array([0, 0])) == (0, 0)


def test_a_single_word_is_a_softmax_with_both_ends():
    emissions, transitions = case(4, rows=1, steps=1)
    scores = emissions[0, 0] + transitions.start + transitions.end
    total, _ = loss_of(emissions, jnp.array([[1]]), transitions)
    assert float(total) == pytest.approx(-float(jax.nn.log_softmax(scores)[1]), rel=1e-5)


def test_gradients_are_those_of_finite_differences_of_the_sum_over_all_paths():
    emissions, transitions = case(5, rows=1)
    path = (0, 2, 1, 1)
    leaves, tree = jax.tree.flatten((emissions[0], transitions))

    def specification(leaves):
        scores = all_scores(*jax.tree.unflatten(tree, leaves))
        return np.logaddexp.reduce(list(scores.values())) - scores[path]

    gradient_of = jit(
        jax.grad(lambda row, moves: crf_negative_log_likelihood(row, jnp.array([path]), moves).total, (0, 1))
    )
    gradient = jax.tree.leaves(gradient_of(emissions, transitions))
    rng = np.random.default_rng(0)
    for _ in range(5):
        direction = [rng.standard_normal(leaf.shape) for leaf in leaves]
        ahead, behind = (
            specification(
                [np.asarray(leaf, np.float64) + sign * 1e-4 * way for leaf, way in zip(leaves, direction, strict=True)]
            )
            for sign in (1, -1)
        )
        found = sum(float((slope * way).sum()) for slope, way in zip(gradient, direction, strict=True))
        assert found == pytest.approx((ahead - behind) / 2e-4, rel=1e-3, abs=1e-4)


def test_only_legal_paths_have_probability():
    tags = tag_set(["a", "b"])
    emissions, transitions = case(6, rows=1, num_tags=len(tags), steps=3)
    legal = forbid(transitions, Legal(*legal_transitions(tags)))
    assert (legal.between == FORBIDDEN).sum() == 6
    fine = [
        value
        for path, value in all_scores(emissions[0], transitions).items()
        if all(may_follow(*pair) for pair in itertools.pairwise(["O", *(tags[index] for index in path)]))
    ]
    assert float(partition(emissions, legal)[0]) == pytest.approx(np.logaddexp.reduce(fine), rel=1e-5)
