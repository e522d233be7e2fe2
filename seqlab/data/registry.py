"""The data sets that are known by name, and the one way to load any of them.

`DATASETS` is the one table, put together from the ``registered_*`` files: an entry says what the data set is, where its
files come from, under which licence, and how it is read into its three parts. A new data set is one line there, and at
most one small reader. A data set is named as a flag would name it:

    NAME           an entry of the table
    builtin        the one that needs no file and no network
    FORMAT:PATH    files of the user's own (`seqlab.data.own_files`)

What a task can read is its `Kind`: `seqlab.data.texts`, `tagged`, `labelled`, `labelled_features`, `parallel`, `rolls`,
`series`, `spoken_words` and `transcribed` have one each, and a load function for it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.core.errors import unknown_name
from seqlab.data.entry import Fractions
from seqlab.data.files import locate
from seqlab.data.own_files import Format, read_own
from seqlab.data.registered_features import FEATURE_DATASETS
from seqlab.data.registered_labelled import LABELLED_DATASETS
from seqlab.data.registered_parallel import PARALLEL_DATASETS
from seqlab.data.registered_recordings import RECORDING_DATASETS
from seqlab.data.registered_rolls import ROLL_DATASETS
from seqlab.data.registered_series import SERIES_DATASETS
from seqlab.data.registered_tagged import TAGGED_DATASETS
from seqlab.data.registered_texts import TEXT_DATASETS
from seqlab.data.registered_transcribed import TRANSCRIBED_DATASETS
from seqlab.data.splits import DataSplits

DEFAULT_FRACTIONS = (0.9, 0.05, 0.05)
DATASETS = {
    **FEATURE_DATASETS,
    **LABELLED_DATASETS,
    **PARALLEL_DATASETS,
    **RECORDING_DATASETS,
    **ROLL_DATASETS,
    **SERIES_DATASETS,
    **TAGGED_DATASETS,
    **TEXT_DATASETS,
    **TRANSCRIBED_DATASETS,
}


class Kind(NamedTuple):
    """What a load function reads.

    Attributes:
        format: the ``format`` of the table's entries that it takes.
        builtin: the entry that ``builtin`` stands for.
        formats: the formats of the user's own files.
        content: the bytes of a part, of which generated data have their checksum.
    """

    format: str
    builtin: str
    formats: Mapping[str, Format]
    content: Callable[[Any], Iterable[bytes]]


def load_data(dataset: str, kind: Kind, *, data_dir: Path | str, fractions: Fractions) -> DataSplits[Any]:
    """A data set of a kind, by name or from files of the user's own.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, a wrong number of paths, wrong fractions.
        DataError: a file with another checksum, or with wrong rows.
    """
    if ":" in dataset:
        return read_own(dataset, kind.formats, fractions)
    name = kind.builtin if dataset == "builtin" else dataset
    if name not in DATASETS or DATASETS[name].format != kind.format:
        known = [known for known, entry in DATASETS.items() if entry.format == kind.format]
        raise unknown_name("dataset", name, [*known, "builtin", *(f"{form}:PATH" for form in kind.formats)])
    entry = DATASETS[name]
    paths = {file: locate(entry.folder or name, file, remote, data_dir) for file, remote in entry.files.items()}
    parts = entry.read(paths, fractions)
    checksums = {file: remote.sha256 for file, remote in entry.files.items()} or {name: _sha256_of(parts, kind)}
    return DataSplits(*parts, checksums, entry.description, entry.licence)


def _sha256_of(parts: Iterable[Any], kind: Kind) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for content in kind.content(part):
            digest.update(content)
    return digest.hexdigest()
