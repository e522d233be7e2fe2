import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.data.bio import Entity, entities, is_tag, legal_transitions, legalized, may_follow, tag_set

TAGS = tag_set(["a", "b"])
sequences = st.lists(st.sampled_from(TAGS), max_size=8)


def is_legal(tags):
    return all(may_follow(*pair) for pair in itertools.pairwise(["O", *tags]))


@given(sequences)
def test_legalized_tags_are_legal_and_legal_ones_stay(tags):
    legal = legalized(tags)
    assert is_legal(legal)
    assert (legal == tags) == is_legal(tags)
    assert [tag[1:] for tag in legal] == [tag[1:] for tag in tags]


@given(sequences)
def test_legal_tags_and_entities_say_the_same(tags):
    tags = legalized(tags)
    again = ["O"] * len(tags)
    for entity in entities(tags):
        again[entity.start : entity.end] = [f"B-{entity.type}"] + [f"I-{entity.type}"] * (entity.end - entity.start - 1)
    assert again == tags


def test_touching_entities_are_two():
    assert entities(["B-a", "B-a", "I-a"]) == [Entity(0, 1, "a"), Entity(1, 3, "a")]


def test_the_table_of_transitions_says_what_may_follow():
    start, between, end = legal_transitions(TAGS)
    for column, tag in enumerate(TAGS):
        assert start[column] == (tag[0] != "I")
        assert end[column]
        for row, before in enumerate(TAGS):
            assert between[row, column] == may_follow(before, tag)
    assert between.sum() == 25 - 6


@pytest.mark.parametrize("tag", ["", "B", "I-", "B-", "E-a", "b-a", "o", "O-a", "person"])
def test_other_tags_are_none(tag):
    assert not is_tag(tag)


def test_types_with_dashes_are_types():
    assert is_tag("I-creative-work")
    assert may_follow("B-creative-work", "I-creative-work")
    assert not may_follow("B-creative-work", "I-creative")
