"""What a trained tagger says of sentences, and how that is written down."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array
from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batches
from seqlab.data.bio import entities
from seqlab.data.loaders.conll import LONGEST_SENTENCE, Sentence
from seqlab.tasks.tagging_data import Lexicon

# Inputs [B, T, 1 + C] and lengths [B] -> ids of tags [B, T].
Decode = Callable[[Array, Array], Array]
SHORTEST_PADDED = 16


def predict_split(decode: Decode, batches: Batches, names: Sequence[str]) -> list[list[str]]:
    """The tags of every row of a split, in the split's own order; ``names`` are the tags by id."""
    split = [batches.batch(step) for step in range(batches.batches_per_epoch)]
    # All of one length: what a split costs here is compiling, and each length is compiled anew.
    longest = max(batch.inputs.shape[1] for batch in split)
    found: dict[int, list[str]] = {}
    for batch in split:
        inputs = np.pad(batch.inputs, ((0, 0), (0, longest - batch.inputs.shape[1]), (0, 0)))
        ids = np.asarray(decode(jnp.asarray(inputs), jnp.asarray(batch.lengths)))
        for row, length, place in zip(ids.tolist(), batch.lengths.tolist(), batch.rows.tolist(), strict=True):
            if length:
                found[int(place)] = [names[int(index)] for index in row[:length]]
    return [found[place] for place in sorted(found)]


def predict_sentences(
    decode: Decode, lexicon: Lexicon, sentences: Sequence[Sequence[str]], with_characters: bool
) -> list[list[str]]:
    """The tags of a few sentences, in one batch whose length is a power of two, so that few lengths are compiled."""
    longest = max((len(words) for words in sentences), default=0)
    if not longest:
        return [[] for _ in sentences]
    encoded = [lexicon.encode(words, with_characters) for words in sentences]
    num_steps = max(SHORTEST_PADDED, 1 << (longest - 1).bit_length())
    inputs = np.zeros((len(sentences), num_steps, encoded[0].shape[1]), np.int32)
    for row, words in zip(inputs, encoded, strict=True):
        row[: len(words)] = words
    lengths = np.array([len(words) for words in sentences], np.int32)
    ids = np.asarray(decode(jnp.asarray(inputs), jnp.asarray(lengths)))
    return [
        [lexicon.tags[index] for index in row[:length].tolist()]
        for row, length in zip(ids, lengths.tolist(), strict=True)
    ]


def tag_lines(
    decode: Decode, lexicon: Lexicon, lines: Sequence[str], with_characters: bool = True
) -> list[dict[str, Any]]:
    """For each line of words with spaces between them: its words, tags, entities, and how many words are unknown.

    Raises:
        SeqlabError: a line of more than 1000 words.
    """
    answers = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if len(words) > LONGEST_SENTENCE:
            raise SeqlabError(
                f"line {number}: expected at most {LONGEST_SENTENCE} words; got {len(words)}. Put a sentence on a line."
            )
        (tags,) = predict_sentences(decode, lexicon, [words], with_characters)
        found = [{"text": " ".join(words[entity.start : entity.end]), **entity._asdict()} for entity in entities(tags)]
        unknown = sum(word.lower() not in lexicon.words for word in words)
        answers.append({"words": words, "tags": tags, "entities": found, "unknown": unknown})
    return answers


def write_predictions(path: Path, sentences: Sequence[Sentence], tags: Sequence[Sequence[str]]) -> None:
    """Writes one JSON object a sentence: its words, the tags that were predicted and those that were expected."""
    lines = [
        json.dumps({"words": sentence.words, "tags": list(found), "expected": sentence.tags}, ensure_ascii=False)
        for sentence, found in zip(sentences, tags, strict=True)
    ]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def bracketed(words: Sequence[str], tags: Sequence[str]) -> str:
    """A sentence with its entities in brackets.

    >>> bracketed(["rose", "mark", "laughed"], ["B-person", "I-person", "O"])
    '[rose mark: person] laughed'
    """
    shown = list(words)
    for entity in entities(tags):
        shown[entity.start] = "[" + shown[entity.start]
        shown[entity.end - 1] += f": {entity.type}]"
    return " ".join(shown)
