"""What the registry says of a data set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqlab.data.files import RemoteFile

Fractions = Sequence[float]
Paths = dict[str, Path]
# Any: what a row is depends on the format.
Parts = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Dataset:
    """A line of the table.

    Attributes:
        format: which load function takes it: the ``format`` of its `seqlab.data.registry.Kind`.
        description: what it is, in one line.
        licence: under which terms its publisher gives it.
        split: its split rule, in words.
        files: file name -> address and checksum; empty where the data set is built in.
        read: (file name -> path, fractions) -> training, validation and test part in the format's units (for
            ``text`` three strings). Data sets with a split of their own have no use for the fractions.
        languages: of parallel text, the languages of source and target as it is read; they may be asked for swapped.
        folder: where its files are looked for below the data folder; the data set's name, where it is empty. Data sets
            that are other splits of the same files share one.
    """

    format: str
    description: str
    licence: str
    split: str
    files: dict[str, RemoteFile]
    read: Callable[[Paths, Fractions], Parts]
    languages: tuple[str, ...] = ()
    folder: str = ""


def generated(format: str, description: str, split: str, make: Callable[[], Parts]) -> Dataset:  # noqa: A002
    """A data set that is made, always alike, and needs no file."""
    return Dataset(format, description, "made by seqlab", split, files={}, read=lambda paths, fractions: make())
