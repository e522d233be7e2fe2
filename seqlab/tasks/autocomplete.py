"""Autocomplete with a trained language model, measured on a text: which words it shows to one who types that text.

A model of words ranks them by the distribution of the next one, among those that begin with the letters typed. A model
of characters is searched from each place of the text for the most probable rests of a word, by beam search: up to
``LONGEST_REST`` letters and the white space that ends them. Which scores come of what is shown:
`seqlab.metrics.autocomplete`.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Carry
from seqlab.data.vocabulary import BOUNDARY_ID, UNKNOWN, UNKNOWN_ID
from seqlab.metrics.autocomplete import NUM_SHOWN, Shown, autocomplete_scores
from seqlab.models.decoding import beam_search
from seqlab.models.word_completion import FollowerCounts, WordList, word_list_of
from seqlab.tasks.text_prediction import TextModel, forbid_unknown, without_unknown

WINDOW_SIZE = 64
BEAM_WIDTH, LONGEST_REST = 8, 16
COUNTED = {"most frequent": 0, "trigram": 2}


class Typed(NamedTuple):
    """A text as it is typed, word by word.

    Attributes:
        words: its words; of a word-level text without line ends, and without ``<unk>``, which hides what was typed.
        shown: for each word the words shown before each of its letters.
    """

    words: list[str]
    shown: list[Shown]

    def scores(self) -> dict[str, float]:
        """The scores, and how many words they are of."""
        return {**autocomplete_scores(self.words, self.shown), "autocomplete_words": len(self.words)}


def typed_with_words(text_model: TextModel, tokens: Sequence[str], num_words: int) -> Typed:
    """The first words of a text, with what a model of words shows; the text before each is the context.

    Args:
        text_model: the model.
        tokens: the text's tokens.
        num_words: how many words, or as many as there are.
    """
    words = WordList(text_model.vocabulary.tokens)
    typed = Typed([], [])
    places = _word_places(tokens, num_words, text_model.vocabulary.boundary)
    for place, logits in _next_logits(text_model, tokens, places):
        logits[[UNKNOWN_ID, BOUNDARY_ID]] = -np.inf
        typed.words.append(tokens[place])
        typed.shown.append(_shown(words, logits, tokens[place]))
    return typed


def typed_with_characters(text_model: TextModel, text: str, num_words: int) -> Typed:
    """The first words of a text, with what a model of characters shows; see `typed_with_words`.

    A word is what stands between white space, punctuation included.
    """
    spans = [match.span() for match in islice(re.finditer(r"\S+", text), num_words)]
    if not spans:
        return Typed([], [])
    rests = _rests(text_model, text[: spans[-1][1]])
    words = [text[first:last] for first, last in spans]
    shown: list[Shown] = [
        [[text[first:at] + rest for rest in rests[at]] for at in range(first, last)] for first, last in spans
    ]
    return Typed(words, shown)


def counted_baselines(
    train_tokens: Sequence[str], tokens: Sequence[str], num_words: int, *, min_count: int, boundary: str
) -> dict[str, dict[str, float]]:
    """Scores of the most frequent words, and of those that followed the two words before most often, by counts.

    Args:
        train_tokens: the words that are counted.
        tokens: the text that is typed.
        num_words: how many words of it, or as many as there are.
        min_count: words that occur less often in training are not shown.
        boundary: a token that is no word.
    """
    words = word_list_of(train_tokens, min_count=min_count, leave_out=(UNKNOWN, boundary))
    listed = WordList(words)
    places = _word_places(tokens, num_words, boundary)
    scores = {}
    for name, max_context in COUNTED.items():
        counts = FollowerCounts.of(train_tokens, words=words, max_context=max_context)
        shown = [_shown(listed, counts.scores(tokens[max(0, at - max_context) : at]), tokens[at]) for at in places]
        scores[name] = autocomplete_scores([tokens[at] for at in places], shown)
    return scores


def _word_places(tokens: Sequence[str], num_words: int, boundary: str) -> list[int]:
    """Where the first words stand."""
    return list(islice((place for place, token in enumerate(tokens) if token not in (UNKNOWN, boundary)), num_words))


def _shown(words: WordList, scores: np.ndarray, word: str) -> Shown:
    """What is shown before each letter of the word, up to where the word is."""
    shown: list[list[str]] = []
    for typed in range(len(word)):
        shown.append(words.best(scores, word[:typed], NUM_SHOWN))
        if word in shown[-1]:
            break
    return shown


def _next_logits(
    text_model: TextModel, tokens: Sequence[str], places: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Each of the places, in order, with the logits [V] of what stands there, given all that is before it."""

    def read(text_model: TextModel, carry: Carry, ids: Array) -> tuple[Array, Carry]:
        logits, carry = text_model.apply(ids[None], initial_carry=carry)
        return logits[0], carry

    run, windows = text_model.compiled(read), _windows(text_model, tokens[: places[-1] + 1] if places else [])
    carry = text_model.model.fresh_carry(text_model.params, 1)
    rows = np.zeros((0, 0))
    first = -WINDOW_SIZE
    for place in places:
        while place >= first + WINDOW_SIZE:
            logits, carry = run(carry, next(windows))
            rows, first = np.array(logits), first + WINDOW_SIZE
        yield place, rows[place - first]


def _rests(text_model: TextModel, text: str) -> list[list[str]]:
    """For each place of a text, the most probable rests of a word that begin there, without the white space behind."""
    tokens = text_model.vocabulary.tokens
    stop = np.array([token.isspace() for token in tokens])

    def search(text_model: TextModel, carry: Carry, ids: Array) -> tuple[Any, Carry]:
        step = text_model.step()

        def read(carry: Carry, token: Array) -> tuple[Carry, tuple[Array, Carry]]:
            logits, carry = step(carry, token[None])
            return carry, (logits, carry)

        def complete(logits: Array, carry: Carry) -> Any:
            length = LONGEST_REST + 1
            known = without_unknown(step)
            return beam_search(known, forbid_unknown(logits), carry, length, width=BEAM_WIDTH, stop=jnp.asarray(stop))

        carry, (logits, carries) = jax.lax.scan(read, carry, ids)
        return jax.vmap(complete)(logits, carries), carry

    run = text_model.compiled(search)
    carry = text_model.model.fresh_carry(text_model.params, 1)
    rests: list[list[str]] = []
    for ids in _windows(text_model, list(text)):
        found, carry = run(carry, ids)
        places = zip(*jax.tree.map(np.asarray, found), strict=True)
        rests.extend(_distinct_rests(hypotheses, tokens, stop) for hypotheses in places)
    return rests


def _distinct_rests(hypotheses: Sequence[np.ndarray], tokens: Sequence[str], stop: np.ndarray) -> list[str]:
    """The most probable letters of the hypotheses that ended; which white space ended them does not matter."""
    totals: dict[str, float] = {}
    for ids, length, log_p in zip(*hypotheses, strict=True):
        letters = "".join(tokens[index] for index in map(int, ids[: length - 1]))
        if letters and stop[ids[length - 1]] and np.isfinite(log_p):
            totals[letters] = totals.get(letters, 0.0) + float(np.exp(log_p))
    return sorted(totals, key=lambda letters: (-totals[letters], letters))[:NUM_SHOWN]


def _windows(text_model: TextModel, tokens: Sequence[str]) -> Iterator[Array]:
    """Ids in windows, each token behind the one before it: what stands at a place is predicted there; padded by 0."""
    ids = np.concatenate([[BOUNDARY_ID], text_model.vocabulary.encode(tokens)]).astype(np.int32)[: len(tokens)]
    for first in range(0, len(ids), WINDOW_SIZE):
        window = ids[first : first + WINDOW_SIZE]
        yield jnp.asarray(np.pad(window, (0, WINDOW_SIZE - len(window))))
