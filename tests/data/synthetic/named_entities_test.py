from collections import Counter

import numpy as np

from seqlab.data.bio import OUTSIDE, entities, may_follow
from seqlab.data.synthetic.named_entities import NAMES, NUM_HELD_OUT, named_entity_sentences, named_entity_splits


def test_names_are_distinct_words():
    assert len(set(NAMES)) == len(NAMES)


def test_tags_are_legal_and_of_people_and_places():
    sentences = named_entity_sentences(np.random.default_rng(0), 100, NAMES)
    for sentence in sentences:
        before = OUTSIDE
        for tag in sentence.tags:
            assert may_follow(before, tag)
            before = tag
    kinds = Counter(entity.type for sentence in sentences for entity in entities(sentence.tags))
    assert set(kinds) == {"person", "place"}


def test_every_name_is_each_of_the_three():
    train = named_entity_splits()[0]
    counts = Counter(
        (word, tag.partition("-")[2])
        for sentence in train
        for word, tag in zip(sentence.words, sentence.tags, strict=True)
        if word in NAMES
    )
    for word in NAMES[:-NUM_HELD_OUT]:
        shares = np.array([counts[word, kind] for kind in ("person", "place", "")])
        assert shares.min() > 0.1 * shares.sum()


def test_a_fifth_of_the_names_is_in_no_training_sentence_and_in_the_others():
    train, validation, test = ({word for sentence in part for word in sentence.words} for part in named_entity_splits())
    assert not train & {*NAMES[-NUM_HELD_OUT:]}
    assert {*NAMES} <= validation & test


def test_the_splits_are_the_same_at_each_call_and_share_few_sentences():
    first, again = named_entity_splits(), named_entity_splits()
    assert first == again
    train, _, test = ({sentence.words for sentence in part} for part in first)
    assert len(train & test) < 0.1 * len(test)
