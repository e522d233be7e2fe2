"""Sentence pairs as arrays: a codec for each language, from the training split alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.batch import Batch
from seqlab.data.codec import KINDS, SUBWORDS, Codec, load_codec, make_codec
from seqlab.data.parallel import Pair
from seqlab.data.vocabulary import BOUNDARY_ID

__all__ = ["KINDS", "Languages"]


@dataclass(frozen=True)
class Languages:
    """How sources and targets become ids, and ids become targets.

    Attributes:
        source: the codec of sources.
        target: that of targets.
        tokens: their kind, a name in ``seqlab.data.codec.KINDS``.
    """

    source: Codec
    target: Codec
    tokens: str

    @classmethod
    def build(cls, train: Sequence[Pair], tokens: str, min_count: int, vocabulary_size: int) -> "Languages":
        """The codecs of a training split; nothing of the other splits is in them."""
        options = {"min_count": min_count, "vocabulary_size": vocabulary_size}
        source, target = (make_codec([pair[side] for pair in train], tokens, **options) for side in (0, 1))
        return cls(source, target, tokens)

    @classmethod
    def load(cls, folder: Path, tokens: str) -> "Languages":
        """Those of a run, from its folder."""
        source, target = (load_codec(folder / name, tokens) for name in file_names(tokens))
        return cls(source, target, tokens)

    def artifacts(self) -> Mapping[str, Callable[[Path], None]]:
        """What `load` reads, by file name."""
        names = file_names(self.tokens)
        return {name: partial(_save, codec) for name, codec in zip(names, (self.source, self.target), strict=True)}

    def rows(self, pairs: Sequence[Pair]) -> Batch:
        """All pairs of a split; targets end with the boundary token.

        Raises:
            DataError: a side without a word.
        """
        for pair in pairs:
            if not pair.source.strip() or not pair.target.strip():
                raise DataError(f"{pair.place}: expected words on both sides; got {pair.source!r}, {pair.target!r}.")
        sources = [self.source.encode(pair.source) for pair in pairs]
        targets = [np.append(self.target.encode(pair.target), np.int32(BOUNDARY_ID)) for pair in pairs]
        lengths, target_lengths = (np.array([len(ids) for ids in side], np.int32) for side in (sources, targets))
        return Batch(sources, targets, lengths=lengths, target_lengths=target_lengths)


def file_names(tokens: str) -> tuple[str, str]:
    """Where a run keeps its codecs: vocabularies of words, or models of pieces that sentencepiece's tools read too."""
    ending = "subwords.model" if tokens in SUBWORDS else "vocabulary.json"
    return f"source_{ending}", f"target_{ending}"


def _save(codec: Codec, path: Path) -> None:
    codec.save(path)
