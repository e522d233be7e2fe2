"""What a tagger reads: words and their characters as numbers, and what is needed to make the same numbers later."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.bio import OUTSIDE, is_tag, legalized, tag_set
from seqlab.data.loaders.conll import Sentence
from seqlab.data.loaders.vectors import read_vectors
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
        encoded = np.zeros((len(words), 1 + NUM_CHARACTERS * with_characters), np.int32)
        encoded[:, 0] = self.words.encode([word.lower() for word in words])
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


def unknown_rates(unknown_count: float, words: Vocabulary, train: Sequence[Sentence]) -> np.ndarray:
    """For each word of the vocabulary [V] the probability a / (n + a) at which training reads it as unknown.

    n is how often training has the word, a is ``unknown_count``; the unknown word itself has n too.
    """
    ids = words.encode([word.lower() for sentence in train for word in sentence.words])
    counts = np.bincount(ids, minlength=words.size)
    return (unknown_count / np.maximum(counts + unknown_count, 1e-9)).astype(np.float32)


def pretrained(path: str, width: int, words: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the words that have a vector in a file [N], and the vectors [N, F]; none where the path is empty.

    Raises:
        SeqlabError: vectors of another width, or of no word of the vocabulary.
        DataError: as in `seqlab.data.loaders.vectors.read_vectors`.
    """
    if not path:
        return np.zeros(0, np.int32), np.zeros((0, width), np.float32)
    vectors = read_vectors(Path(path).expanduser(), words)
    if not vectors:
        raise SeqlabError(f"--vectors={path}: none of its words is in the training split, in lower case.")
    found = len(next(iter(vectors.values())))
    if found != width:
        raise SeqlabError(
            f"--vectors={path}: its vectors have {found} numbers; expected {width}, the width of the embedding. "
            f"Use --embedding_size={found}."
        )
    return words.encode(list(vectors)), np.stack(list(vectors.values()))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
