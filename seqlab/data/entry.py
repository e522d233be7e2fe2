"""What the registry says of a data set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqlab.data.files import RemoteFile

Fractions = Sequence[float]


@dataclass(frozen=True)
class Dataset:
    """A line of the table.

    Attributes:
        format: which load function takes it: ``text``.
        description: what it is, in one line.
        licence: under which terms its publisher gives it.
        split: its split rule, in words.
        files: file name -> address and checksum; empty where the data set is built in.
        read: (file name -> path, fractions) -> training, validation and test part in the format's units (for
            ``text`` three strings). Data sets with a split of their own have no use for the fractions.
        languages: of parallel text, the languages of source and target as it is read; they may be asked for swapped.
    """

    format: str
    description: str
    licence: str
    split: str
    files: dict[str, RemoteFile]
    read: Callable[[dict[str, Path], Fractions], tuple[Any, Any, Any]]
    languages: tuple[str, ...] = ()
