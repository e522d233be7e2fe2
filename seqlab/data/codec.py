"""A sentence as ids, and ids as a sentence: by words, or by pieces of words.

A vocabulary of words has an id for each word of the training split; what it does not list is unknown. Pieces come from
the training split too, and any word is made of some, down to characters:

    bpe       merges the most frequent pair of neighbouring pieces, again and again (Sennrich, Haddow & Birch, 2016)
    unigram   starts from many pieces and drops those that a model of independent pieces misses least (Kudo, 2018)

Both are those of the library sentencepiece (Kudo & Richardson, 2018). In every codec id 0 is the unknown token and id 1
the boundary, which ends a sentence: `encode` does not add it, and `decode` passes over it. What is encoded and decoded
is the text again: for words, where one blank parts them; for pieces, where the text has no U+2581, which stands for
a blank in them. What is unknown comes back as ``<unk>``.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from seqlab.core.errors import DataError, SeqlabError, unknown_name
from seqlab.data.tokenize import TOKENIZERS
from seqlab.data.vocabulary import BOUNDARY_ID, UNKNOWN, UNKNOWN_ID, Vocabulary

SUBWORDS = ("bpe", "unigram")
KINDS = ("word", *SUBWORDS)
# Pieces are learned from runs of this length: sentencepiece passes over texts of more than 4192 bytes, and where it is
# let take them, a repetition inside one costs the square of its length.
_RUN_WORDS, _RUN_CHARACTERS = 100, 1000
# Below and above, sentencepiece has other errors than those of sizes that the texts do not allow.
_SIZES = (3, 10**8)


@runtime_checkable
class Codec(Protocol):
    """What every codec can do."""

    @property
    def size(self) -> int:
        """How many ids there are, the unknown and the boundary included."""
        ...

    def encode(self, text: str) -> np.ndarray:
        """Ids [N] of a sentence, int32, without a boundary."""
        ...

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The sentence of ids [N]; boundaries among them are passed over.

        Raises:
            SeqlabError: an id outside [0, size).
        """
        ...

    def save(self, path: Path | str) -> None:
        """Writes what `load_codec` reads."""
        ...


@dataclass(frozen=True)
class WordCodec:
    """Words, parted by white space.

    Attributes:
        vocabulary: the words and their ids.

    >>> codec = make_codec(["to be or not to be"], "word")
    >>> codec.decode(codec.encode("not to see"))
    'not to <unk>'
    """

    vocabulary: Vocabulary

    @property
    def size(self) -> int:
        """How many ids there are, the unknown and the boundary included."""
        return self.vocabulary.size

    def encode(self, text: str) -> np.ndarray:
        """Ids [N] of a sentence, int32, without a boundary."""
        return self.vocabulary.encode(text.split())

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The words of ids [N] with a blank between them; boundaries are passed over."""
        return " ".join(self.vocabulary.decode([index for index in _as_list(ids) if index != BOUNDARY_ID]))

    def save(self, path: Path | str) -> None:
        """Writes the vocabulary as JSON."""
        self.vocabulary.save(path)


@dataclass(frozen=True)
class SubwordCodec:
    """Pieces of words, by a model of sentencepiece.

    Attributes:
        model: the model as sentencepiece writes it.

    Raises:
        SeqlabError: the library sentencepiece is missing.
        DataError: another file than a model, or one whose first two ids are others.
    """

    model: bytes = field(repr=False)

    def __post_init__(self):
        if (self._processor.unk_id(), self._processor.eos_id()) != (UNKNOWN_ID, BOUNDARY_ID):
            raise DataError(
                f"expected a model of sentencepiece whose unknown and end have the ids {UNKNOWN_ID} and {BOUNDARY_ID}; "
                f"found {self._processor.unk_id()} and {self._processor.eos_id()}."
            )

    @cached_property
    def _processor(self) -> Any:
        sentencepiece = _sentencepiece()
        try:
            return sentencepiece.SentencePieceProcessor(model_proto=self.model)
        except RuntimeError as error:
            raise DataError(f"expected a model of sentencepiece, found {len(self.model)} other bytes.") from error

    @property
    def size(self) -> int:
        """How many ids there are, the unknown and the boundary included."""
        return self._processor.get_piece_size()

    def encode(self, text: str) -> np.ndarray:
        """Ids [N] of a sentence, int32, without a boundary."""
        return np.asarray(self._processor.encode(text), dtype=np.int32)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of ids [N]; boundaries are passed over."""
        listed = _as_list(ids)
        if listed and not (min(listed) >= 0 and max(listed) < self.size):
            raise SeqlabError(f"ids must lie in [0, {self.size}); got {min(listed)} to {max(listed)}.")
        return self._processor.decode(listed)

    def save(self, path: Path | str) -> None:
        """Writes the model, as sentencepiece's own tools read it too."""
        Path(path).write_bytes(self.model)


def make_codec(texts: Iterable[str], kind: str, *, min_count: int = 1, vocabulary_size: int = 8000) -> Codec:
    """The codec of a training split; the same texts give the same one.

    Args:
        texts: its sentences.
        kind: ``word``, ``bpe`` or ``unigram``.
        min_count: for words: those that occur less often are left out.
        vocabulary_size: for pieces: how many ids there are.

    Raises:
        SeqlabError: another kind, nothing but empty sentences, a size that the texts do not allow, a missing library.
    """
    if kind not in KINDS:
        raise unknown_name("vocabulary", kind, KINDS)
    if kind in SUBWORDS:
        return _train_subwords(list(texts), kind, vocabulary_size)
    words = (word for text in texts for word in text.split())
    return WordCodec(Vocabulary.build(words, boundary=TOKENIZERS["word"].boundary, min_count=min_count))


def load_codec(path: Path | str, kind: str) -> Codec:
    """Reads what a codec of that kind saved.

    Raises:
        SeqlabError: another kind, or a missing library.
        DataError: the file is missing or is something else.
    """
    if kind not in KINDS:
        raise unknown_name("vocabulary", kind, KINDS)
    if kind not in SUBWORDS:
        return WordCodec(Vocabulary.load(path))
    try:
        return SubwordCodec(Path(path).read_bytes())
    except OSError as error:
        raise DataError(f"{path}: the model of pieces cannot be read: {error.strerror}.") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _train_subwords(texts: Sequence[str], kind: str, vocabulary_size: int) -> SubwordCodec:
    sentencepiece = _sentencepiece()
    if not any(text.strip() for text in texts):
        raise SeqlabError(f"expected sentences to find pieces in, found {len(texts)} empty ones.")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(run for text in texts for run in _runs(text)),
            model_writer=model,
            model_type=kind,
            vocab_size=min(max(vocabulary_size, _SIZES[0]), _SIZES[1]),
            unk_id=UNKNOWN_ID,
            eos_id=BOUNDARY_ID,
            bos_id=-1,
            pad_id=-1,
            unk_surface=UNKNOWN,
            # Ids say the whole text: it is not changed before, and has no character that the training lacks an id for.
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            character_coverage=1.0,
            # Sums in another order give other pieces.
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _size_error(str(error), vocabulary_size) or error from error
    return SubwordCodec(model.getvalue())


def _runs(text: str) -> Iterator[str]:
    words = text.split(" ")
    for start in range(0, len(words), _RUN_WORDS):
        run = " ".join(words[start : start + _RUN_WORDS])
        yield from (run[at : at + _RUN_CHARACTERS] for at in range(0, len(run), _RUN_CHARACTERS))


def _size_error(message: str, vocabulary_size: int) -> SeqlabError | None:
    """What sentencepiece said of a size, as an error that names a possible one, for bpe the nearest."""
    largest = re.search(r"too high .*<= (\d+)", message)
    smallest = re.search(r"smaller than required_chars\. -?\d+ vs (\d+)", message)
    given = f"--vocabulary_size={vocabulary_size}"
    if largest:
        return SeqlabError(f"{given}: too many pieces for this text. Use {largest[1]} or fewer.")
    if smallest:
        return SeqlabError(f"{given}: too few pieces for the characters of this text. Use {smallest[1]} or more.")
    return None


def _sentencepiece() -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise SeqlabError(
            "pieces of words need the library sentencepiece: pip install 'seqlab[text]', or choose words."
        ) from error
    return sentencepiece


def _as_list(ids: Sequence[int] | np.ndarray) -> list[int]:
    return np.asarray(ids, dtype=np.int64).tolist()
