"""Named entities that are recognised by their context alone.

    yesterday  rose      mark      spoke  to  a  doctor         rose mark: a person
    she        moved     to        rose                         rose: a place
    they       lost      the       rose                         rose: a thing, which is no entity

Every word of `NAMES` can be a person, a place or a thing, and each as often; nothing is capitalized. So the word itself
tells nothing, and the most frequent tag of each word scores little. A fifth of these words is in no training sentence:
they are in held-out sentences as often as the others.
"""

from collections.abc import Sequence

import numpy as np

from seqlab.data.loaders.conll import Sentence

_NAMES = (
    "rose mark may will hope grace pearl jordan reading bath mobile nice buffalo phoenix "
    "cork orange florence austin chelsea brook dale heath glen lane ford hunter mason carter "
    "page chase stone wood rivers banks hill field west north summer april dawn june "
    "ruby iris olive hazel jasmine amber crystal sandy rocky rusty dusty misty stormy ash "
    "birch forest lake"
)
NAMES = _NAMES.split(" ")
NUM_HELD_OUT = len(NAMES) // 5
PEOPLE = ["doctor", "teacher", "neighbour", "friend", "farmer"]
TIMES = ["yesterday", "today", "often", "later", "then"]
# person, place: an entity of one or two words; thing: one word that is none; others: one of a list.
CLAUSES = [
    "{time} {person} spoke to a {people}",
    "{time} {person} laughed",
    "the {people} asked {person} about it",
    "her {people} married {person}",
    "{person} and {person} wrote a letter",
    "she moved to {place}",
    "they met a {people} in {place}",
    "{time} it rained in {place}",
    "we drove from {place} to {place}",
    "the road to {place} was closed",
    "they lost the {thing}",
    "the {people} drew a {thing}",
    "{time} we talked about the {thing}",
    "{time} a {thing} lay beside the {thing}",
    "he gave the {thing} to {person}",
]
JOINS = ["and", "but", ",", "because"]


def named_entity_sentences(rng: np.random.Generator, num_sentences: int, names: Sequence[str]) -> list[Sentence]:
    """Sentences of one to three clauses, with these words for names.

    >>> sentence = named_entity_sentences(np.random.default_rng(3), 1, ["rose", "mark"])[0]
    >>> " ".join(sentence.words[-6:]), sentence.tags[-6:]
    ('they met a friend in rose', ('O', 'O', 'O', 'O', 'O', 'B-place'))
    """
    sentences = []
    for _ in range(num_sentences):
        tagged: list[tuple[str, str]] = []
        for clause in range(1 + int(rng.integers(3))):
            if clause:
                tagged.append((_pick(rng, JOINS), "O"))
            for slot in _pick(rng, CLAUSES).split():
                tagged += _fill(rng, slot, names)
        words, tags = zip(*tagged, strict=True)
        sentences.append(Sentence(words, tags))
    return sentences


def named_entity_splits() -> tuple[list[Sentence], list[Sentence], list[Sentence]]:
    """1500 training sentences, 300 validation and 600 test ones; the same at each call."""
    seen = NAMES[:-NUM_HELD_OUT]
    rng = np.random.default_rng
    return (
        named_entity_sentences(rng((0, 0)), 1500, seen),
        named_entity_sentences(rng((1, 0)), 300, NAMES),
        named_entity_sentences(rng((2, 0)), 600, NAMES),
    )


def _fill(rng: np.random.Generator, slot: str, names: Sequence[str]) -> list[tuple[str, str]]:
    kind = slot.strip("{}")
    if kind in ("person", "place"):
        words = [_pick(rng, names) for _ in range(1 + int(rng.integers(2)))]
        return [(word, f"{'I' if number else 'B'}-{kind}") for number, word in enumerate(words)]
    choices = {"{thing}": names, "{people}": PEOPLE, "{time}": TIMES}
    return [(_pick(rng, choices[slot]) if slot in choices else slot, "O")]


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
