"""What a tagger reads: words and their characters as numbers, and what is needed to make the same numbers later."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.batch import Batch
from seqlab.data.bio import OUTSIDE, is_tag, legalized, tag_set
from seqlab.data.loaders.conll import Sentence
from seqlab.data.vocabulary import Vocabulary

WORDS_FILE, CHARACTERS_FILE, TAGS_FILE = "vocabulary.json", "characters.json", "tags.json"
NUM_CHARACTERS = 20
BOUNDARY = "<eos>"


@dataclass(frozen=True)
class Lexicon:
    """The words, characters and tags of a training split, in the order of their ids.

    Attributes:
        words: words in lower case.
        characters: characters as they are.
        tags: ``O``, then ``B-`` and ``I-`` of each type.
    """

    words: Vocabulary
    characters: Vocabulary
    tags: tuple[str, ...]

    @classmethod
    def build(cls, sentences: Sequence[Sentence], min_count: int) -> "Lexicon":
        """The lexicon of training sentences; words that occur less often than ``min_count`` are unknown."""
        words = [word for sentence in sentences for word in sentence.words]
        return cls(
            Vocabulary.build((word.lower() for word in words), boundary=BOUNDARY, min_count=min_count),
            Vocabulary.build((character for word in words for character in word), boundary="\n"),
            tag_set(tag[2:] for sentence in sentences for tag in sentence.tags if tag != OUTSIDE),
        )

    def encode(self, words: Sequence[str], with_characters: bool = True) -> np.ndarray:
        """Each word's id and, behind it, its characters: their ids plus one, then zeros [T, 1 + C].

        Of a word of more than C = 20 characters the first and the last ten are taken; C is 0 without characters.
        """
        ids = self.words.encode([word.lower() for word in words])
        encoded = np.zeros((len(words), 1 + NUM_CHARACTERS * with_characters), np.int32)
        encoded[:, 0] = ids
        if with_characters:
            half = NUM_CHARACTERS // 2
            for row, word in zip(encoded, words, strict=True):
                kept = word if len(word) <= NUM_CHARACTERS else word[:half] + word[-half:]
                row[1 : 1 + len(kept)] = self.characters.encode(kept) + 1
        return encoded

    def rows(self, sentences: Sequence[Sentence], with_characters: bool = True) -> Batch:
        """Sentences as rows for `seqlab.data.buckets.BucketedBatches`."""
        ids = {tag: number for number, tag in enumerate(self.tags)}
        return Batch(
            inputs=[self.encode(sentence.words, with_characters) for sentence in sentences],
            targets=[np.array([ids[tag] for tag in sentence.tags], np.int32) for sentence in sentences],
            lengths=np.array([len(sentence.words) for sentence in sentences], np.int32),
        )

    def artifacts(self) -> Mapping[str, Callable[[Path], None]]:
        """File name -> how to write it."""
        tags = json.dumps(self.tags) + "\n"
        return {
            WORDS_FILE: self.words.save,
            CHARACTERS_FILE: self.characters.save,
            TAGS_FILE: lambda path: _write(path, tags),
        }

    @classmethod
    def load(cls, folder: Path) -> "Lexicon":
        """Reads what the `artifacts` wrote.

        Raises:
            DataError: a file is missing or holds something else.
        """
        path = folder / TAGS_FILE
        try:
            tags = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{path}: expected a list of tags in JSON; {error}.") from error
        if not isinstance(tags, list) or not all(isinstance(tag, str) and is_tag(tag) for tag in tags):
            raise DataError(f"{path}: expected a list of tags such as O and B-person; found something else.")
        return cls(Vocabulary.load(folder / WORDS_FILE), Vocabulary.load(folder / CHARACTERS_FILE), tuple(tags))


def most_frequent_tags(train: Sequence[Sentence], held_out: Sequence[Sentence]) -> list[list[str]]:
    """For each word the tag that it has most often in training, in lower case; ``O`` for a word that was never seen.

    Where an ``I-`` tag cannot stand, it becomes a ``B-`` tag. Of equally frequent tags it is the first by name.
    """
    counts: dict[str, Counter[str]] = {}
    for sentence in train:
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            counts.setdefault(word.lower(), Counter())[tag] += 1
    best = {word: min(tags, key=lambda tag: (-tags[tag], tag)) for word, tags in counts.items()}
    return [legalized([best.get(word.lower(), OUTSIDE) for word in sentence.words]) for sentence in held_out]


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
