"""Agreement at a distance: English sentences whose verb was decided d words before it.

    tense    today due to my current job near the bridges I ___ to take a loan         need
             yesterday due to my current job near the bridges I ___ to take a loan     had
    number   the dogs who waited behind the red car of my friend ___ ...               were
             the dog who waited behind the red car of my friend ___ ...                was

A row is the words before the verb; its target is the verb, one of four. The last words give away which kind of sentence
it is, and nothing but the deciding word (``today``, ``dogs``) gives away which of the two verbs. What stands between is
drawn from a small grammar without a look at the answer: prepositional phrases with nouns of both numbers, and verbs in
a form that both numbers share. d counts the words from the deciding one to the verb: ``the dogs were`` has d = 1.

References:
    Linzen et al., Assessing the ability of LSTMs to learn syntax-sensitive dependencies, 2016, for the idea.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.tokenize import END_OF_LINE
from seqlab.data.vocabulary import UNKNOWN, Vocabulary

T = TypeVar("T")

VERBS = ("need", "had", "was", "were")
KINDS = {"tense": ("need", "had"), "number": ("was", "were")}
OPENERS = [
    ("today", "yesterday"),
    ("nowadays", "formerly"),
    ("currently", "previously"),
    ("this year", "last year"),
    ("this week", "last week"),
]
BEINGS = ["dog", "cat", "boy", "teacher", "friend", "farmer", "doctor", "bird", "neighbour", "sister"]
THINGS = ["house", "garden", "car", "tree", "bridge", "job", "letter", "road", "situation", "river"]
SUBJECT_DETERMINERS = ["the", "my", "our"]
DETERMINERS = {"singular": ["the", "a", "my", "our"], "plural": ["the", "some", "my", "our"]}
ADJECTIVES = ["small", "big", "young", "quiet", "red", "tall", "happy", "current", "tired", "new"]
PREPOSITIONS = {1: ["near", "with", "behind", "without", "for", "beside"], 2: ["due to", "because of", "next to"]}
# Both numbers share the past of these verbs.
CLAUSE_VERBS = ["waited", "slept", "stood", "sat", "walked", "smiled", "talked"]
PLACES = ["outside", "inside", "there", "upstairs", "nearby"]
ASIDES = {1: ["sadly", "perhaps", "luckily", "clearly"], 2: ["of course", "after all", "in fact"]}
# Lengths of a prepositional phrase -> (words of the preposition, number of adjectives).
PHRASES = {3: [(1, 0)], 4: [(1, 1), (2, 0)], 5: [(1, 2), (2, 1)]}


class Sentence(NamedTuple):
    """A sentence up to its verb.

    Attributes:
        words: the words before the verb.
        verb: the verb.
        distance: number d of words from the deciding one to the verb.
    """

    words: list[str]
    verb: str
    distance: int


def vocabulary() -> Vocabulary:
    """Every word of the grammar."""
    nouns = [noun + ending for noun in BEINGS + THINGS for ending in ("", "s")]
    lists = [[opener for pair in OPENERS for opener in pair], nouns, ADJECTIVES, CLAUSE_VERBS, PLACES, ["i", "who"]]
    lists += [*DETERMINERS.values(), *PREPOSITIONS.values(), *ASIDES.values()]
    words = sorted({word for phrases in lists for phrase in phrases for word in phrase.split()})
    return Vocabulary((UNKNOWN, END_OF_LINE, *words))


def words_of(text: str) -> list[str]:
    """Words in lower case, without punctuation: as the grammar spells them.

    >>> words_of("Today, due to my job, I")
    ['today', 'due', 'to', 'my', 'job', 'i']
    """
    return re.findall(r"[^\W_]+", text.lower())


def make_sentence(rng: np.random.Generator, kind: str, answer: int, distance: int) -> Sentence:
    """A sentence with its verb decided ``distance`` words before.

    The words between do not depend on ``answer``: the same generator gives the same ones for either.

    Args:
        rng: where the words are drawn from.
        kind: ``tense`` or ``number``.
        answer: 0 or 1, the place of the verb in ``KINDS[kind]``.
        distance: at least 1; for tense at least 2.

    >>> sentence = make_sentence(np.random.default_rng(0), "number", 1, 9)
    >>> " ".join(sentence.words), sentence.verb
    ('my boys who waited without my houses beside the bridge', 'were')
    """
    if distance < 1 or (kind == "tense" and distance < 2):
        raise SeqlabError(
            f"a sentence of kind {kind} has a distance of at least {1 + (kind == 'tense')}; got {distance}."
        )
    # Each word takes few draws: a determiner, a number, an adjective, the length of a phrase.
    draws = iter(rng.random(4 * distance + 8).tolist())
    words = (_tense if kind == "tense" else _number)(draws, answer, distance)
    return Sentence(words, KINDS[kind][answer], distance)


def _tense(draws: Iterator[float], answer: int, distance: int) -> list[str]:
    fitting = [pair for pair in OPENERS if len(pair[0].split()) < distance]
    opener = _pick(draws, fitting)[answer].split()
    return [*opener, *_filler(draws, distance - 1 - len(opener)), "i"]


def _number(draws: Iterator[float], answer: int, distance: int) -> list[str]:
    subject = [_pick(draws, SUBJECT_DETERMINERS), _pick(draws, BEINGS) + "s" * answer]
    if distance == 1:
        return subject
    if distance == 2:
        return [*subject, _pick(draws, PLACES)]
    return [*subject, "who", _pick(draws, CLAUSE_VERBS), *_filler(draws, distance - 3)]


def _filler(draws: Iterator[float], num_words: int) -> list[str]:
    """That many words: prepositional phrases, or an aside where there is no room for one."""
    if num_words in ASIDES:
        return _pick(draws, ASIDES[num_words]).split()
    words: list[str] = []
    while len(words) < num_words:
        left = num_words - len(words)
        words += _phrase(draws, _pick(draws, [size for size in PHRASES if left == size or left - size >= 3]))
    return words


def _phrase(draws: Iterator[float], size: int) -> list[str]:
    preposition_words, num_adjectives = _pick(draws, PHRASES[size])
    number = _pick(draws, ["singular", "plural"])
    words = [*_pick(draws, PREPOSITIONS[preposition_words]).split(), _pick(draws, DETERMINERS[number])]
    for _ in range(num_adjectives):
        words.append(_pick(draws, [adjective for adjective in ADJECTIVES if adjective != words[-1]]))
    return [*words, _pick(draws, BEINGS + THINGS) + ("s" if number == "plural" else "")]


def _pick(draws: Iterator[float], choices: Sequence[T]) -> T:
    return choices[int(next(draws) * len(choices))]


def agreement_batch(rng: np.random.Generator, batch_size: int, longest: int, words: Vocabulary) -> Batch:
    """Draws rows with distances from 1 to ``longest``, each as probable, padded with id 0 to longest + 1 words.

    The kind of a sentence and its answer are drawn too; d = 1 is always of the kind ``number``. ``Batch.groups`` has
    the distances.

    Raises:
        SeqlabError: ``longest`` below 1.
    """
    if longest < 1:
        raise SeqlabError(f"the longest distance must be at least 1; got {longest}.")
    distances = rng.integers(1, longest + 1, batch_size)
    is_number, answers = rng.integers(2, size=(2, batch_size))
    kinds = np.where((is_number == 1) | (distances < 2), "number", "tense")
    rows = zip(kinds.tolist(), answers.tolist(), distances.tolist(), strict=True)
    sentences = [make_sentence(rng, *row) for row in rows]
    inputs = np.zeros((batch_size, longest + 1), np.int32)
    for row, sentence in zip(inputs, sentences, strict=True):
        row[: len(sentence.words)] = words.encode(sentence.words)
    return Batch(
        inputs,
        np.array([VERBS.index(sentence.verb) for sentence in sentences], np.int32),
        lengths=np.array([len(sentence.words) for sentence in sentences], np.int32),
        groups=distances.astype(np.int32),
    )
