"""Labelled texts as arrays: a vocabulary, the labels, and what the loss counts each of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.loaders.labelled_text import LabelledText
from seqlab.data.tokenize import TOKENIZERS
from seqlab.data.vocabulary import Vocabulary

VOCABULARY_FILE, LABELS_FILE = "vocabulary.json", "labels.json"


@dataclass(frozen=True)
class TextReader:
    """How texts and labels become numbers.

    Attributes:
        vocabulary: the tokens of the training split.
        labels: its labels, sorted; a label's place is its class.
        tokens: a name in ``seqlab.data.tokenize.TOKENIZERS``.
        max_length: tokens of a text that are read, the first ones; 0 for all.
    """

    vocabulary: Vocabulary
    labels: tuple[str, ...]
    tokens: str
    max_length: int = 0

    @classmethod
    def build(cls, train: Sequence[LabelledText], tokens: str, min_count: int, max_length: int) -> "TextReader":
        """The reader of a training split; nothing of the other splits is in it."""
        tokenizer = TOKENIZERS[tokens]
        words = (word for row in train for word in tokenizer.split(row.text))
        vocabulary = Vocabulary.build(words, boundary=tokenizer.boundary, min_count=min_count)
        return cls(vocabulary, tuple(sorted({row.label for row in train})), tokens, max_length)

    @classmethod
    def load(cls, folder: Path, tokens: str, max_length: int) -> "TextReader":
        """The reader of a run, from its folder."""
        return cls(Vocabulary.load(folder / VOCABULARY_FILE), load_labels(folder), tokens, max_length)

    def artifacts(self) -> Mapping[str, Callable[[Path], None]]:
        """What `load` reads, by file name."""
        return {VOCABULARY_FILE: self.vocabulary.save, LABELS_FILE: partial(save_labels, self.labels)}

    def split(self, text: str) -> list[str]:
        """The tokens of a text that are read."""
        return TOKENIZERS[self.tokens].split(text)[: self.max_length or None]

    def encode(self, text: str) -> np.ndarray:
        """Their ids [T]."""
        return self.vocabulary.encode(self.split(text))

    def classes(self, texts: Sequence[LabelledText]) -> np.ndarray:
        """Their labels' classes [N]."""
        return np.array([self.labels.index(row.label) for row in texts], np.int32)

    def rows(self, texts: Sequence[LabelledText]) -> Batch:
        """All texts of a split, their lengths and classes, for ``seqlab.data.buckets``."""
        inputs = [self.encode(row.text) for row in texts]
        return Batch(inputs, self.classes(texts), lengths=np.array([len(ids) for ids in inputs], np.int32))


def load_labels(folder: Path) -> tuple[str, ...]:
    """The labels of a run, from its folder."""
    path = folder / LABELS_FILE
    try:
        labels = json.loads(path.read_bytes())["labels"]
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise ValueError("they are no list of texts")
        return tuple(labels)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f'{path}: expected {{"labels": [...]}}, as the run wrote it; {error}.') from error


def save_labels(labels: Sequence[str], path: Path) -> None:
    """Writes what `load_labels` reads."""
    path.write_text(json.dumps({"labels": list(labels)}, indent=0) + "\n", encoding="utf-8")


def class_weights(weights: str, counts: np.ndarray, labels: Sequence[str]) -> np.ndarray | None:
    """The weight of each class in the loss, from ``none``, ``balanced`` or numbers with commas, one a class.

    Balanced cross entropy weights class c, of n_c training rows, by w_c = (1 / n_c) / sum_k (1 / n_k), so that all
    classes together count as much; given numbers are divided by their sum. Either way sum_c w_c = 1, and the loss of a
    batch is sum_i w_{y_i} nll_i / sum_i w_{y_i}, in which a common factor of all w does not matter. Those that are
    returned have one by which the mean weight of a training row is 1, so that pace and clipping stay what they are.

    Raises:
        SeqlabError: another word, or not one number above 0 for each class.

    >>> class_weights("balanced", np.array([1, 4]), ["rare", "frequent"]).tolist()
    [2.5, 0.625]
    """
    if weights == "none":
        return None
    try:
        given = 1 / counts if weights == "balanced" else np.array([float(weight) for weight in weights.split(",")])
    except ValueError:
        given = np.zeros(0)
    if len(given) != len(labels) or not (np.isfinite(given) & (given > 0)).all():
        raise SeqlabError(
            f"--class_weights: expected none, balanced, or {len(labels)} numbers above 0 with commas between them, for "
            f"{', '.join(labels)}; got '{weights}'."
        )
    shares = given / given.sum()
    return (shares * counts.sum() / (shares * counts).sum()).astype(np.float32)
