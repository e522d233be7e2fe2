"""Sequences of feature vectors with a label each in three splits, by name or from files of the user's own.

Three tasks read such rows, each with its own formats: recordings of sensors (``activity``), images pixel by pixel
(``pixels``) and DNA (``dna``).
"""

import hashlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import DataError, SeqlabError, unknown_name
from seqlab.data.files import locate, sha256_of
from seqlab.data.loaders.dna import read_fasta_files, read_sequence_csv
from seqlab.data.loaders.images import read_idx_pair, read_pixel_csv
from seqlab.data.loaders.labelled_text import check_labels
from seqlab.data.loaders.sensors import LabelledFeatures, read_csv, read_npz, read_ts
from seqlab.data.registry import DATASETS, DEFAULT_FRACTIONS, Fractions
from seqlab.data.splits import split_by_position


class Format(NamedTuple):
    """A format of files.

    Attributes:
        read: paths -> rows.
        num_files: how many files have the rows of a split; 0 where all files together are one data set.
    """

    read: Callable[[Sequence[Path]], list[LabelledFeatures]]
    num_files: int = 1


FORMATS: dict[str, dict[str, Format]] = {
    "activity": {
        "ts": Format(lambda paths: read_ts(paths[0])),
        "csv": Format(lambda paths: read_csv(paths[0])),
        "npz": Format(lambda paths: read_npz(paths[0])),
    },
    "dna": {
        "fasta": Format(read_fasta_files, num_files=0),
        "csv": Format(lambda paths: read_sequence_csv(paths[0])),
    },
    "pixels": {
        "idx": Format(read_idx_pair, num_files=2),
        "csv": Format(lambda paths: read_pixel_csv(paths[0])),
    },
}
BUILTIN = {
    "activity": "gestures",
    "dna": "motifs",
    "pixels": "sklearn_digits" if find_spec("sklearn") else "drawn_digits",
}


class FeatureSplits(NamedTuple):
    """Labelled sequences of vectors in three parts.

    Attributes:
        train: what the model, the scaling and the labels are made from.
        validation: what choices are made on.
        test: read by the final evaluation alone.
        checksums: file name -> sha256 of its bytes; for generated rows, of the numbers and labels.
        description: what they are.
        licence: under which terms they are given.
    """

    train: Sequence[LabelledFeatures]
    validation: Sequence[LabelledFeatures]
    test: Sequence[LabelledFeatures]
    checksums: dict[str, str]
    description: str
    licence: str


def load_labelled_features(
    task: str, dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS
) -> FeatureSplits:
    """A data set of labelled sequences.

    Args:
        task: ``activity``, ``dna`` or ``pixels``.
        dataset: a name of the registry whose format is the task's name, ``builtin``, or ``FORMAT:PATH`` with commas
            between the paths: for ``ts``, ``csv`` and ``npz`` one file, or three for training, validation and test;
            for ``idx`` images and labels, or three such pairs; for ``fasta`` two or more files, one a class.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the rows, where they have no split of their own. They are shuffled first, always alike.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, a wrong number of paths, wrong fractions.
        DataError: a file with another checksum or wrong rows; sequences of unequal width; a label that is in a held-out
            split alone.

    >>> load_labelled_features("activity", "builtin", data_dir="data").train[0].label
    'rest'
    """
    kind, colon, path = dataset.partition(":")
    if colon:
        if kind not in FORMATS[task]:
            raise unknown_name(f"format of task {task}", kind, FORMATS[task])
        splits = _read_own(kind, FORMATS[task][kind], path, fractions)
    else:
        splits = _registered(task, BUILTIN[task] if dataset == "builtin" else dataset, data_dir, fractions)
    width = splits.train[0].features.shape[1]
    for split in splits[:3]:
        for row in split:
            if row.features.shape[1] != width:
                raise DataError(
                    f"{row.place}: expected {width} numbers a time step as in {splits.train[0].place}, found "
                    f"{row.features.shape[1]}."
                )
    for held_out in (splits.validation, splits.test):
        check_labels(splits.train, held_out)
    return splits


def _read_own(kind: str, form: Format, path: str, fractions: Fractions) -> FeatureSplits:
    whole = Path(path).expanduser().exists()
    paths = [Path(one).expanduser() for one in ([path] if whole or "," not in path else path.split(","))]
    size = form.num_files
    if size and len(paths) == 3 * size:
        train, validation, test = (form.read(paths[first : first + size]) for first in range(0, 3 * size, size))
    elif len(paths) == size or (not size and len(paths) > 1):
        rows = form.read(paths)
        order = np.random.default_rng(0).permutation(len(rows))
        train, validation, test = split_by_position([rows[index] for index in order.tolist()], fractions)
    else:
        wanted = f"{size} paths, or {3 * size} for training, validation and test" if size else "a path for each class"
        raise SeqlabError(f"--dataset={kind}:{path}: expected {wanted}, with commas between them; got {len(paths)}.")
    checksums = {str(one): sha256_of(one) for one in paths}
    description = f"the labelled sequences of {path}"
    return FeatureSplits(train, validation, test, checksums, description, licence="the user's own")


def _registered(task: str, name: str, data_dir: Path | str, fractions: Fractions) -> FeatureSplits:
    if name not in DATASETS or DATASETS[name].format != task:
        known = [known for known, entry in DATASETS.items() if entry.format == task]
        raise unknown_name("dataset", name, [*known, "builtin", *(f"{kind}:PATH" for kind in FORMATS[task])])
    entry = DATASETS[name]
    paths = {file: locate(name, file, remote, data_dir) for file, remote in entry.files.items()}
    parts = entry.read(paths, fractions)
    checksums = {file: remote.sha256 for file, remote in entry.files.items()} or {name: _sha256_of(parts)}
    return FeatureSplits(*parts, checksums, description=entry.description, licence=entry.licence)


def _sha256_of(parts: Sequence[Sequence[LabelledFeatures]]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for row in part:
            digest.update(row.label.encode("utf-8") + b"\t" + row.features.tobytes())
    return digest.hexdigest()
