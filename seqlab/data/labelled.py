"""Labelled texts in three splits, by name or from files of the user's own."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.files import locate, sha256_of
from seqlab.data.loaders.labelled_text import READERS, LabelledText, check_labels
from seqlab.data.registry import DATASETS, DEFAULT_FRACTIONS, Fractions
from seqlab.data.splits import split_by_position

BUILTIN_LABELLED = "negation"
FORMAT = "labelled"


class LabelledSplits(NamedTuple):
    """Labelled texts in three parts.

    Attributes:
        train: what the model and the vocabulary are made from.
        validation: what choices are made on.
        test: read by the final evaluation alone.
        checksums: file name -> sha256 of its bytes; for generated texts, of the texts and labels.
        description: what they are.
        licence: under which terms they are given.
    """

    train: Sequence[LabelledText]
    validation: Sequence[LabelledText]
    test: Sequence[LabelledText]
    checksums: dict[str, str]
    description: str
    licence: str


def load_labelled(
    dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS, keep_share: str = ""
) -> LabelledSplits:
    """A data set of labelled texts.

    Args:
        dataset: a name of the registry whose format is ``labelled``, ``builtin``, ``FORMAT:PATH``, or
            ``FORMAT:TRAIN,VALIDATION,TEST`` with a file or folder for each split; the formats are ``tsv``,
            ``label_first`` and ``folders``.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the texts, where one file has them all. They are shuffled first, always alike, as such
            files are often sorted by label.
        keep_share: ``LABEL:SHARE`` leaves this share of a label's texts in the training split, always the same ones;
            empty for all of them.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, wrong fractions, or a wrong ``keep_share``.
        DataError: a file with another checksum or with wrong rows; a label that is in a held-out split alone.

    >>> load_labelled("builtin", data_dir="data").train[0].label
    'positive'
    """
    kind, colon, path = dataset.partition(":")
    if colon:
        if kind not in READERS:
            raise unknown_name("format", kind, READERS)
        splits = _read_own(kind, path, fractions)
    else:
        splits = _registered(BUILTIN_LABELLED if dataset == "builtin" else dataset, data_dir, fractions)
    for held_out in (splits.validation, splits.test):
        check_labels(splits.train, held_out)
    return _thinned(splits, keep_share) if keep_share else splits


def _read_own(kind: str, path: str, fractions: Fractions) -> LabelledSplits:
    whole = Path(path).expanduser().exists()
    paths = [path] if whole or "," not in path else path.split(",")
    if len(paths) not in (1, 3):
        raise SeqlabError(
            f"--dataset={kind}:{path}: expected one path, or three for training, validation and test with commas "
            f"between them; got {len(paths)}."
        )
    rows = [READERS[kind](Path(one).expanduser()) for one in paths]
    if len(rows) == 1:
        order = np.random.default_rng(0).permutation(len(rows[0]))
        train, validation, test = split_by_position([rows[0][index] for index in order.tolist()], fractions)
    else:
        train, validation, test = rows
    checksums = {one: _sha256_at(Path(one).expanduser(), own) for one, own in zip(paths, rows, strict=True)}
    description = f"the labelled texts of {path}"
    return LabelledSplits(train, validation, test, checksums, description, licence="the user's own")


def _registered(name: str, data_dir: Path | str, fractions: Fractions) -> LabelledSplits:
    if name not in DATASETS or DATASETS[name].format != FORMAT:
        known = [known for known, entry in DATASETS.items() if entry.format == FORMAT]
        raise unknown_name("dataset", name, [*known, "builtin", *(f"{kind}:PATH" for kind in READERS)])
    entry = DATASETS[name]
    paths = {file: locate(name, file, remote, data_dir) for file, remote in entry.files.items()}
    parts = entry.read(paths, fractions)
    checksums = {file: remote.sha256 for file, remote in entry.files.items()} or {
        name: _sha256_of([row for part in parts for row in part])
    }
    return LabelledSplits(*parts, checksums, description=entry.description, licence=entry.licence)


def _sha256_at(path: Path, rows: Sequence[LabelledText]) -> str:
    return sha256_of(path) if path.is_file() else _sha256_of(rows)


def _sha256_of(rows: Sequence[LabelledText]) -> str:
    text = "".join(f"{row.label}\t{row.text}\n" for row in rows)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _thinned(splits: LabelledSplits, keep_share: str) -> LabelledSplits:
    label, _, share = keep_share.rpartition(":")
    own = [index for index, row in enumerate(splits.train) if row.label == label]
    try:
        kept_share = float(share)
    except ValueError:
        kept_share = 0.0
    if not own or not 0 < kept_share <= 1:
        known = ", ".join(sorted({row.label for row in splits.train}))
        raise SeqlabError(
            f"--keep_share: expected LABEL:SHARE with a label of the training split ({known}) and a share in (0, 1]; "
            f"got '{keep_share}'."
        )
    order = np.random.default_rng(0).permutation(len(own))
    dropped = {own[index] for index in order[max(1, round(kept_share * len(own))) :].tolist()}
    train = [row for index, row in enumerate(splits.train) if index not in dropped]
    kept = f"{len(own) - len(dropped)} of {len(own)} training texts with label '{label}'"
    return splits._replace(train=train, description=f"{splits.description}; {kept}")
