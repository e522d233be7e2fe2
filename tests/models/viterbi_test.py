"""The search against a look at every path."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.linear_chain import Legal, Transitions, forbid, no_transitions
from seqlab.data.bio import legal_transitions, may_follow, tag_set
from seqlab.models.viterbi import viterbi
from tests.contracts.cases import jit

STEPS, TAGS = 4, 3
search = jit(viterbi)


def case(seed, rows=2, num_tags=TAGS):
    rng = np.random.default_rng(seed)
    shapes = [(rows, STEPS, num_tags), (num_tags,), (num_tags, num_tags), (num_tags,)]
    emissions, *ends = (jnp.asarray(rng.normal(0, 2, shape), jnp.float32) for shape in shapes)
    return emissions, Transitions(*ends)


def score(emissions, transitions, path):
    emissions, (start, between, end) = np.asarray(emissions), (np.asarray(part) for part in transitions)
    moved = sum(between[pair] for pair in itertools.pairwise(path))
    return start[path[0]] + end[path[-1]] + moved + sum(row[tag] for row, tag in zip(emissions, path, strict=True))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), lengths=st.lists(st.integers(1, STEPS), min_size=2, max_size=2))
def test_the_path_is_the_best_of_all(seed, lengths):
    emissions, transitions = case(seed)
    found = search(emissions, transitions, jnp.array(lengths))
    for row, length, tags, value in zip(emissions, lengths, found.tags, found.score, strict=True):
        paths = itertools.product(range(TAGS), repeat=length)
        best = max(paths, key=lambda path: score(row[:length], transitions, path))
        assert tags.tolist() == [*best, *[0] * (STEPS - length)]
        assert float(value) == pytest.approx(score(row[:length], transitions, best), rel=1e-4, abs=1e-4)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), penalties=st.tuples(st.floats(0, 8), st.floats(0, 8)))
def test_the_more_is_taken_from_a_tag_s_score_the_less_often_it_is_in_the_path(seed, penalties):
    emissions, transitions = case(seed)
    counts = [
        (search(emissions.at[..., 0].add(-penalty), transitions, jnp.array([STEPS, STEPS])).tags == 0).sum(axis=1)
        for penalty in sorted(penalties)
    ]
    assert (counts[1] <= counts[0]).all()


def test_padding_may_hold_anything():
    emissions, transitions = case(0)
    lengths = jnp.array([2, 0])
    clean = search(emissions, transitions, lengths)
    dirty = search(emissions.at[0, 2:].set(jnp.nan).at[1].set(jnp.inf), transitions, lengths)
    assert jax.tree.map(lambda leaf: leaf.tolist(), dirty) == jax.tree.map(lambda leaf: leaf.tolist(), clean)
    assert clean.tags[1].tolist() == [0] * STEPS
    assert float(clean.score[1]) == 0


def test_without_lengths_every_step_counts():
    emissions, transitions = case(1)
    whole = search(emissions, transitions, jnp.array([STEPS, STEPS]))
    assert search(emissions, transitions).tags.tolist() == whole.tags.tolist()


def test_without_transitions_each_word_has_its_own_best_tag():
    emissions, _ = case(2)
    assert search(emissions, no_transitions(TAGS)).tags.tolist() == emissions.argmax(axis=-1).tolist()


def test_a_single_word_is_both_ends():
    emissions, transitions = case(3, rows=1)
    best = (emissions[0, 0] + transitions.start + transitions.end).argmax()
    assert viterbi(emissions[:, :1], transitions).tags.tolist() == [[int(best)]]


def test_forbidden_transitions_are_never_taken():
    tags = tag_set(["a", "b"])
    legal = Legal(*legal_transitions(tags))
    emissions, transitions = case(4, rows=50, num_tags=len(tags))
    for free in (transitions, no_transitions(len(tags))):
        found = search(emissions, forbid(free, legal)).tags.tolist()
        unconstrained = search(emissions, free).tags.tolist()
        assert found != unconstrained
        named = [["O", *(tags[index] for index in row)] for row in found]
        assert all(may_follow(*pair) for row in named for pair in itertools.pairwise(row))
