"""Sequences of feature vectors with a label each in three parts, by name or from files of the user's own.

Three tasks read such rows, each with its own formats: recordings of sensors and videos (``activity``), images pixel by
pixel (``pixels``) and DNA (``dna``).
"""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from seqlab.core.errors import DataError
from seqlab.data.entry import Fractions
from seqlab.data.loaders.dna import read_fasta_files, read_sequence_csv
from seqlab.data.loaders.frames import read_labelled_clips
from seqlab.data.loaders.images import read_idx_pair, read_pixel_csv
from seqlab.data.loaders.labelled_text import check_labels
from seqlab.data.loaders.sensors import LabelledFeatures, read_csv, read_npz, read_ts
from seqlab.data.own_files import Format, one_path
from seqlab.data.registry import DEFAULT_FRACTIONS, Kind, load_data
from seqlab.data.splits import DataSplits

FeatureSplits: TypeAlias = DataSplits[Sequence[LabelledFeatures]]


def _content(part: Sequence[LabelledFeatures]) -> Iterable[bytes]:
    return (row.label.encode("utf-8") + b"\t" + row.features.tobytes() for row in part)


# The kinds of rows, by the name of the task that reads them.
FEATURES = {
    "activity": Kind(
        format="activity",
        builtin="gestures",
        formats={
            "ts": one_path(read_ts),
            "csv": one_path(read_csv),
            "npz": one_path(read_npz),
            "frames": one_path(read_labelled_clips),
        },
        content=_content,
    ),
    "dna": Kind(
        format="dna",
        builtin="motifs",
        formats={"fasta": Format(read_fasta_files, num_paths=0), "csv": one_path(read_sequence_csv)},
        content=_content,
    ),
    "pixels": Kind(
        format="pixels",
        builtin="sklearn_digits" if find_spec("sklearn") else "drawn_digits",
        formats={"idx": Format(read_idx_pair, num_paths=2), "csv": one_path(read_pixel_csv)},
        content=_content,
    ),
}


def load_labelled_features(
    task: str, dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS
) -> FeatureSplits:
    """A data set of labelled sequences.

    Args:
        task: ``activity``, ``dna`` or ``pixels``.
        dataset: a name of the registry whose format is the task's name, ``builtin``, or ``FORMAT:PATH`` with commas
            between the paths: for ``ts``, ``csv``, ``npz`` and ``frames`` one path, or three for the three parts;
            for ``idx`` images and labels, or three such pairs; for ``fasta`` two or more files, one a class.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the rows, where they have no split of their own. They are shuffled first, always alike.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, a wrong number of paths, wrong fractions.
        DataError: a file with another checksum or wrong rows; steps of unequal shape; a label that is in a held-out
            split alone.

    >>> load_labelled_features("activity", "builtin", data_dir="data").train[0].label
    'rest'
    """
    splits = load_data(dataset, FEATURES[task], data_dir=data_dir, fractions=fractions)
    shape = splits.train[0].features.shape[1:]
    for split in splits.parts:
        for row in split:
            if row.features.shape[1:] != shape:
                wanted, found = (" x ".join(map(str, one)) for one in (shape, row.features.shape[1:]))
                raise DataError(
                    f"{row.place}: expected {wanted} numbers a time step as in {splits.train[0].place}, found {found}."
                )
    for held_out in (splits.validation, splits.test):
        check_labels(splits.train, held_out)
    return splits
