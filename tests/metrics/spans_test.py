"""The counts against the library that the field scores with, and against sets of entities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from seqlab.data.bio import entities, legalized, tag_set
from seqlab.metrics import entity_scores, merge
from tests.contracts.cases import jit

TAGS = tag_set(["a", "b"])
BEGINS, INSIDE = (jnp.array([tag.startswith(prefix) for tag in TAGS]) for prefix in ("B-", "I-"))
STEPS, ROWS = 6, 3
scores_of = jit(lambda ours, theirs, mask: entity_scores(ours, theirs, BEGINS, INSIDE, mask))
row = st.tuples(*[st.lists(st.sampled_from(TAGS), min_size=STEPS, max_size=STEPS)] * 2, st.integers(0, STEPS))
cases = st.lists(row, min_size=ROWS, max_size=ROWS)


def strings(case):
    """The legal tags of both sides within each row's length."""
    return ([legalized(row[side])[: row[2]] for row in case] for side in (0, 1))


def counted(case, filler="O"):
    """Our scores of rows that are padded with ``filler``."""
    ours, theirs = (
        jnp.array([[TAGS.index(tag) for tag in [*tags, *[filler] * (STEPS - len(tags))]] for tags in side])
        for side in strings(case)
    )
    mask = jnp.arange(STEPS) < jnp.array([length for *_, length in case])[:, None]
    return scores_of(ours, theirs, mask)


@settings(max_examples=25)
@given(cases)
def test_the_scores_are_seqeval_s_in_its_strict_mode(case):
    ours, theirs = strings(case)
    found = {name: mean.compute() for name, mean in counted(case).items()}
    if not any(tag != "O" for tags in [*ours, *theirs] for tag in tags):
        assert set(found.values()) == {0}  # seqeval has no score of nothing.
        return
    options = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    assert found["entity_precision"] == pytest.approx(precision_score(theirs, ours, **options))
    assert found["entity_recall"] == pytest.approx(recall_score(theirs, ours, **options))
    assert found["entity_f1"] == pytest.approx(f1_score(theirs, ours, **options))


@settings(max_examples=25)
@given(cases)
def test_an_entity_is_right_where_both_ends_and_the_type_are(case):
    ours, theirs = ([{*entities(tags)} for tags in side] for side in strings(case))
    scores = counted(case)
    right = sum(len(mine & yours) for mine, yours in zip(ours, theirs, strict=True))
    assert scores["entity_precision"] == (right, sum(map(len, ours)))
    assert scores["entity_recall"] == (right, sum(map(len, theirs)))


@settings(max_examples=10)
@given(cases, st.sampled_from(TAGS))
def test_padding_may_hold_any_tag(case, filler):
    assert counted(case, filler) == counted(case)


@settings(max_examples=10)
@given(cases, cases)
def test_the_scores_of_two_batches_merge_to_those_of_both(first, second):
    ours = merge(counted(first), counted(second))
    both = [sum(values) for values in zip(*[jax.tree.leaves(counted(case)) for case in (first, second)], strict=True)]
    np.testing.assert_array_equal(jax.tree.leaves(ours), both)


def test_without_a_mask_every_word_counts():
    tags = jnp.array([[1, 2, 0, 3]])
    scores = jit(lambda ours: entity_scores(ours, ours, BEGINS, INSIDE))(tags)
    assert scores["entity_f1"] == (4, 4)
