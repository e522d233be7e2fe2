"""Entities as tags of words: ``B-person`` begins one, ``I-person`` goes on with it, ``O`` is outside of all.

An ``I-`` tag may only follow a tag of the same type; so every legal sequence of tags stands for one set of entities.
(This is IOB2. In the older IOB1, an entity begins with ``I-`` unless it touches another one of its type.)
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

OUTSIDE = "O"


class Entity(NamedTuple):
    """Words that name something.

    Attributes:
        start: the first word's place in the sentence, from 0.
        end: the place behind the last word.
        type: what is named.
    """

    start: int
    end: int
    type: str


def is_tag(tag: str) -> bool:
    """Whether a tag is ``O``, or ``B-`` or ``I-`` and a type."""
    return tag == OUTSIDE or (tag[:2] in ("B-", "I-") and len(tag) > 2)


def may_follow(before: str, tag: str) -> bool:
    """Whether ``tag`` may stand behind ``before``; ``O`` stands for the beginning of a sentence too.

    >>> may_follow("B-person", "I-person"), may_follow("B-group", "I-person"), may_follow("O", "I-person")
    (True, False, False)
    """
    return not tag.startswith("I-") or (before != OUTSIDE and before[2:] == tag[2:])


def tag_set(types: Iterable[str]) -> tuple[str, ...]:
    """All tags for entities of these types.

    >>> tag_set(["person"])
    ('O', 'B-person', 'I-person')
    """
    return (OUTSIDE, *(f"{prefix}-{kind}" for kind in sorted(set(types)) for prefix in "BI"))


def legal_transitions(tags: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which tags may come first [V], follow (column) one another (row) [V, V], and come last [V]."""
    start = np.array([may_follow(OUTSIDE, tag) for tag in tags])
    between = np.array([[may_follow(before, tag) for tag in tags] for before in tags])
    return start, between, np.ones(len(tags), bool)


def legalized(tags: Sequence[str]) -> list[str]:
    """The tags, with ``B-`` for each ``I-`` that could not stand where it does.

    >>> legalized(["O", "I-person", "I-person"])
    ['O', 'B-person', 'I-person']
    """
    legal: list[str] = []
    for tag in tags:
        legal.append(tag if may_follow(legal[-1] if legal else OUTSIDE, tag) else "B" + tag[1:])
    return legal


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities that legal tags stand for, in their order.

    >>> entities(["B-person", "I-person", "O", "B-group"])
    [Entity(start=0, end=2, type='person'), Entity(start=3, end=4, type='group')]
    """
    found = []
    for start, tag in enumerate(tags):
        if tag.startswith("B-"):
            inside = (end for end in range(start + 1, len(tags)) if not tags[end].startswith("I-"))
            found.append(Entity(start, next(inside, len(tags)), tag[2:]))
    return found
