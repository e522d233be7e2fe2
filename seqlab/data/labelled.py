"""Labelled texts in three parts, by name or from files of the user's own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.entry import Fractions
from seqlab.data.loaders.labelled_text import READERS, LabelledText, check_labels
from seqlab.data.own_files import one_path
from seqlab.data.registry import DEFAULT_FRACTIONS, Kind, load_data
from seqlab.data.splits import DataSplits

LabelledSplits: TypeAlias = DataSplits[Sequence[LabelledText]]

LABELLED = Kind(
    format="labelled",
    builtin="negation",
    formats={name: one_path(read) for name, read in READERS.items()},
    content=lambda part: (f"{row.label}\t{row.text}\n".encode() for row in part),
)


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
    splits = load_data(dataset, LABELLED, data_dir=data_dir, fractions=fractions)
    for held_out in (splits.validation, splits.test):
        check_labels(splits.train, held_out)
    return _thinned(splits, keep_share) if keep_share else splits


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
    return replace(splits, train=train, description=f"{splits.description}; {kept}")
