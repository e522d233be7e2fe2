"""Tagged sentences in three parts, by name or from files of the user's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from seqlab.data.entry import Fractions
from seqlab.data.loaders.conll import Sentence, check_tags, read_conll
from seqlab.data.own_files import one_path
from seqlab.data.registry import DEFAULT_FRACTIONS, Kind, load_data
from seqlab.data.splits import DataSplits, split_by_position

TaggedSplits: TypeAlias = DataSplits[Sequence[Sentence]]

TAGGED = Kind(
    format="conll",
    builtin="named_entities",
    formats={"conll": one_path(read_conll, split=split_by_position)},
    content=lambda part: (f"{sentence.words} {sentence.tags}\n".encode() for sentence in part),
)


def load_tagged(dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS) -> TaggedSplits:
    """A data set of tagged sentences.

    Args:
        dataset: a name of the registry whose format is ``conll``, ``builtin``, ``conll:PATH``, or
            ``conll:TRAIN,VALIDATION,TEST`` with a file for each split.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the sentences, where one file has them all.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, or wrong fractions.
        DataError: a file with another checksum or with wrong rows; a type of entity that is in a held-out split alone.

    >>> load_tagged("builtin", data_dir="data").train[0].words[:3]
    ('the', 'road', 'to')
    """
    splits = load_data(dataset, TAGGED, data_dir=data_dir, fractions=fractions)
    for held_out in (splits.validation, splits.test):
        check_tags(splits.train, held_out)
    return splits
