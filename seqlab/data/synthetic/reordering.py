"""A small pair of formal languages: English words in English order, and a language whose verbs come last.

    the old dogs that saw some cat sleep today   ->   hodi loi kanoi vekoi ke una katam vidavint dormint

The target language has invented words and these rules, none of which a word shows by itself:

- the verb ends its clause and agrees in number with its subject, also in the past, where English does not, and across
  a relative clause; ``ne`` behind it denies it;
- adjectives follow their noun; determiner and adjective take its class (-a or -o) and number (-i);
- the noun of an object ends in -m; ``house of wood`` is one compound, ``holzdoma``;
- a time opens its clause, and a reason (``because``) opens its sentence.

So a dictionary of words fails. A part of the test sentences is longer than all others.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqlab.data.loaders.parallel_text import Pair

# English word -> stem and class of its translation.
BEINGS = {
    "dog": ("kan", "o"),
    "cat": ("kat", "a"),
    "king": ("reg", "o"),
    "child": ("puer", "a"),
    "farmer": ("agr", "o"),
    "bird": ("av", "a"),
    "singer": ("kant", "o"),
    "doctor": ("med", "a"),
}
THINGS = {
    "house": ("dom", "a"),
    "boat": ("nav", "o"),
    "table": ("mens", "a"),
    "box": ("kist", "o"),
    "bridge": ("pont", "o"),
    "ring": ("anel", "a"),
}
PLURALS = {"child": "children", "box": "boxes"}
MATERIALS = {"wood": "holz", "gold": "aur", "stone": "stan", "glass": "vitr"}
ADJECTIVES = {"old": "vek", "small": "pik", "red": "rub", "good": "bon", "quiet": "tran", "young": "jun"}
DETERMINERS = {"the": "l", "some": "un", "this": "kest", "every": "omn"}
PLURAL_DETERMINERS = {"the": "l", "many": "mult", "these": "kest", "two": "du"}
# The past, the plural of the present, and the translation's stem; the singular of the present adds an s.
TRANSITIVE = [("saw", "see", "vid"), ("found", "find", "trov"), ("sold", "sell", "vend"), ("loved", "love", "am")]
TRANSITIVE += [("painted", "paint", "ping"), ("wanted", "want", "vol")]
INTRANSITIVE = [("slept", "sleep", "dorm"), ("waited", "wait", "atend"), ("came", "come", "ven")]
TIMES = {"today": "hodi", "yesterday": "yeri", "often": "saep"}
SIZES = {"train": 3000, "validation": 400, "test": 450, "longer": 150}
LONGEST_IN_TRAINING, LONGEST = 14, 22


class Phrase(NamedTuple):
    """Words in both languages, and whether a noun phrase is plural."""

    source: list[str]
    target: list[str]
    plural: bool = False


def reordering_splits() -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Training, validation and test pairs with sources that are all different; always the same ones.

    The last 150 test sources have 15 to 22 words, and all others at most 14.

    >>> train, validation, test = reordering_splits()
    >>> len(train), len(validation), len(test)
    (3000, 400, 600)
    """
    rng = np.random.default_rng(0)
    usual: dict[str, Pair] = {}
    longer: dict[str, Pair] = {}
    train, validation, test, num_longer = SIZES.values()
    while len(usual) < train + validation + test or len(longer) < num_longer:
        pair = make_pair(rng)
        num_words = len(pair.source.split())
        if num_words <= LONGEST:
            kind = usual if num_words <= LONGEST_IN_TRAINING else longer
            kind.setdefault(pair.source, pair)
    every = list(usual.values())
    held_out = every[train + validation : train + validation + test]
    return every[:train], every[train : train + validation], [*held_out, *list(longer.values())[:num_longer]]


def make_pair(rng: np.random.Generator) -> Pair:
    """Draws a sentence and its translation."""
    source, target, _ = _clause(rng)
    if rng.random() < 0.2:
        second = _clause(rng)
        source, target = [*source, "and", *second.source], [*target, "e", *second.target]
    if rng.random() < 0.2:
        reason = _clause(rng)
        source, target = [*source, "because", *reason.source], [*reason.target, "sa", *target]
    return Pair(" ".join(source), " ".join(target))


def _clause(rng: np.random.Generator) -> Phrase:
    subject = _subject(rng)
    predicate = _predicate(rng, subject.plural, transitive=rng.random() < 0.7)
    source, target = [*subject.source, *predicate.source], [*subject.target, *predicate.target]
    if rng.random() < 0.3:
        time = _pick(rng, list(TIMES))
        source, target = [*source, time], [TIMES[time], *target]
    return Phrase(source, target)


def _subject(rng: np.random.Generator) -> Phrase:
    noun = _noun_phrase(rng, BEINGS, ending="")
    if rng.random() < 0.25:
        relative = _predicate(rng, noun.plural, transitive=True)
        return Phrase([*noun.source, "that", *relative.source], [*noun.target, "ke", *relative.target], noun.plural)
    return noun


def _predicate(rng: np.random.Generator, plural: bool, transitive: bool) -> Phrase:
    """A verb, with its object where it has one: before it in the target, behind it in the source."""
    past, base, stem = _pick(rng, TRANSITIVE if transitive else INTRANSITIVE)
    in_past, denied = rng.random() < 0.5, rng.random() < 0.2
    if denied:
        verb = ["did" if in_past else "do" if plural else "does", "not", base]
    else:
        verb = [past if in_past else base if plural else base + "s"]
    form = stem + ("av" if in_past else "") + ("int" if plural else "it")
    forms = [form, "ne"] if denied else [form]
    if not transitive:
        return Phrase(verb, forms)
    things = _noun_phrase(rng, BEINGS if rng.random() < 0.5 else THINGS, ending="m")
    return Phrase([*verb, *things.source], [*things.target, *forms])


def _noun_phrase(rng: np.random.Generator, nouns: dict[str, tuple[str, str]], ending: str) -> Phrase:
    noun = _pick(rng, list(nouns))
    stem, kind = nouns[noun]
    plural = rng.random() < 0.4
    determiners = PLURAL_DETERMINERS if plural else DETERMINERS
    determiner = _pick(rng, list(determiners))
    agreement = kind + ("i" if plural else "")
    source, target = [determiner], [determiners[determiner] + agreement]
    adjective = _pick(rng, list(ADJECTIVES)) if rng.random() < 0.4 else ""
    source += [adjective] if adjective else []
    source.append(PLURALS.get(noun, noun + "s") if plural else noun)
    if nouns is THINGS and rng.random() < 0.4:
        material = _pick(rng, list(MATERIALS))
        source, stem = [*source, "of", material], MATERIALS[material] + stem
    target.append(stem + agreement + ending)
    target += [ADJECTIVES[adjective] + agreement] if adjective else []
    return Phrase(source, target, plural)


def _pick(rng: np.random.Generator, choices: Sequence):
    return choices[int(rng.integers(len(choices)))]
