"""Recordings of single words in three parts, by name or from files of the user's own."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from seqlab.data.entry import Fractions
from seqlab.data.loaders.labelled_text import check_labels
from seqlab.data.loaders.recordings import SpokenWord, read_digits, read_words
from seqlab.data.own_files import Format, one_path
from seqlab.data.registered_recordings import official_split
from seqlab.data.registry import DEFAULT_FRACTIONS, Kind, load_data
from seqlab.data.splits import DataSplits

WordSplits: TypeAlias = DataSplits[Sequence[SpokenWord]]


def _content(part: Sequence[SpokenWord]) -> Iterable[bytes]:
    return (row.label.encode("utf-8") + b"\t" + row.samples.tobytes() for row in part)


SPOKEN_WORDS = Kind(
    format="spoken_words",
    builtin="formants",
    formats={
        "wav": one_path(read_words),
        "fsdd": Format(lambda paths: official_split(read_digits(paths[0])), has_splits=True),
    },
    content=_content,
)


def load_spoken_words(dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS) -> WordSplits:
    """A data set of recordings with a word each.

    Args:
        dataset: a name of the registry whose format is ``spoken_words``; ``builtin``; ``wav:PATH``, a folder or zip
            archive with a folder for each word, or three of them for training, validation and test with commas between
            them; or ``fsdd:PATH``, a folder or zip archive of files WORD_SPEAKER_NUMBER.wav, with that set's split.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the recordings, where they have no split of their own. They are shuffled first, always
            alike, so that most speakers are in all three parts.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, a wrong number of paths, wrong fractions.
        DataError: a file with another checksum, or one that is no sound; a word that is in a held-out split alone.

    >>> load_spoken_words("builtin", data_dir="data").train[0].rate
    8000
    """
    splits = load_data(dataset, SPOKEN_WORDS, data_dir=data_dir, fractions=fractions)
    for held_out in (splits.validation, splits.test):
        check_labels(splits.train, held_out)
    return splits
