"""Texts in three parts, by name or from a file of the user's own."""

from pathlib import Path
from typing import TypeAlias

from seqlab.data.entry import Fractions
from seqlab.data.loaders.text import read_text
from seqlab.data.own_files import one_path
from seqlab.data.registry import DEFAULT_FRACTIONS, Kind, load_data
from seqlab.data.splits import DataSplits, split_by_position

TextSplits: TypeAlias = DataSplits[str]

TEXTS = Kind(
    format="text",
    builtin="pydoc_topics",
    formats={"text": one_path(read_text, split=split_by_position)},
    content=lambda text: [text.encode("utf-8")],
)


def load_text(dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS) -> TextSplits:
    """A text data set.

    Args:
        dataset: a name of the registry whose format is ``text``; ``builtin``; ``text:PATH``, or
            ``text:TRAIN,VALIDATION,TEST``.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the characters, where the data set has no split of its own.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, or wrong fractions.
        DataError: a file with another checksum, or that is no UTF-8 text.

    >>> load_text("builtin", data_dir="data").train.splitlines()[0]
    'The "assert" statement'
    """
    return load_data(dataset, TEXTS, data_dir=data_dir, fractions=fractions)
