"""Data sets in files of the user's own: ``FORMAT:PATH``, or a path for each split with commas between them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.core.errors import DataError, SeqlabError, unknown_name
from seqlab.data.entry import Fractions, Parts
from seqlab.data.files import sha256_of
from seqlab.data.splits import PARTS, DataSplits, split_shuffled


class Format(NamedTuple):
    """A format of files.

    Attributes:
        read: paths -> rows; or the three parts, where ``has_splits``.
        num_paths: how many paths have the rows of a split; 0 where all paths together are one data set.
        split: cuts the rows of one data set by fractions.
        has_splits: whether a file has all three parts.
    """

    read: Callable[[Sequence[Path]], Any]
    num_paths: int = 1
    split: Callable[[Any, Fractions], Parts] = split_shuffled
    has_splits: bool = False


def one_path(read: Callable[[Path], Any], **options: Any) -> Format:
    """The format of a reader that takes one path."""
    return Format(lambda paths: read(paths[0]), **options)


def read_own(dataset: str, formats: Mapping[str, Format], fractions: Fractions) -> DataSplits[Any]:
    """A data set of the user's own.

    Args:
        dataset: ``FORMAT:PATHS``; a path that exists may have commas in it.
        formats: the known ones by name.
        fractions: shares of the rows, where they have no split of their own.

    Raises:
        SeqlabError: an unknown format, a wrong number of paths, or wrong fractions.
        DataError: what the format's reader refuses, or a split without rows.
    """
    kind, _, path = dataset.partition(":")
    if kind not in formats:
        raise unknown_name("format", kind, formats)
    form = formats[kind]
    whole = "," not in path or Path(path).expanduser().exists()
    names = [path] if whole else path.split(",")
    paths = [Path(name).expanduser() for name in names]
    parts = _read_parts(form, paths, fractions, dataset)
    for name, part in zip(PARTS, parts, strict=True):
        if not len(part):
            raise DataError(f"{path}: expected rows in each split, found none to {name}.")
    checksums = {name: sha256_of(one) for name, one in zip(names, paths, strict=True)}
    return DataSplits(*parts, checksums, f"the data of {path}", "the user's own")


def _read_parts(form: Format, paths: Sequence[Path], fractions: Fractions, dataset: str) -> Parts:
    size = form.num_paths
    if form.has_splits and len(paths) == 1:
        return form.read(paths)
    if size and len(paths) == 3 * size and not form.has_splits:
        train, validation, test = (form.read(paths[first : first + size]) for first in range(0, 3 * size, size))
        return train, validation, test
    if not form.has_splits and (len(paths) == size or (not size and len(paths) > 1)):
        return form.split(form.read(paths), fractions)
    each = "one path" if size == 1 else f"{size} paths" if size else "a path for each class"
    more = f", or {'three' if size == 1 else 3 * size} for training, validation and test"
    wanted = each if form.has_splits or not size else each + more
    raise SeqlabError(f"--dataset={dataset}: expected {wanted}, with commas between them; got {len(paths)}.")
