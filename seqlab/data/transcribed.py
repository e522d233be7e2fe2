"""Recordings with transcripts in three parts, by name or from a folder of the user's own."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from seqlab.data.entry import Fractions
from seqlab.data.loaders.transcripts import Utterance, read_transcribed_folder
from seqlab.data.own_files import one_path
from seqlab.data.registry import DEFAULT_FRACTIONS, Kind, load_data
from seqlab.data.splits import DataSplits

TranscribedSplits: TypeAlias = DataSplits[Sequence[Utterance]]


def _content(part: Sequence[Utterance]) -> Iterable[bytes]:
    for row in part:
        yield row.transcript.encode("utf-8") + b"\t" + row.recording.samples.tobytes()


TRANSCRIBED = Kind(
    format="transcribed",
    builtin="tone_words",
    formats={"wav": one_path(read_transcribed_folder)},
    content=_content,
)


def load_transcribed(
    dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS
) -> TranscribedSplits:
    """A data set of recordings and what is said in them.

    Args:
        dataset: a name of the registry whose format is ``transcribed``, ``builtin``, ``wav:FOLDER``, or
            ``wav:TRAIN,VALIDATION,TEST`` with a folder for each split; see `read_transcribed_folder`.
        data_dir: where the registry's files are looked for.
        fractions: shares of the recordings, where one folder has them all. They are shuffled first, always alike.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, wrong fractions, or a missing library.
        DataError: a file with another checksum, or a recording or transcript that cannot be read.

    >>> load_transcribed("builtin", data_dir="data").train[0].transcript
    'fall fall high high low low'
    """
    return load_data(dataset, TRANSCRIBED, data_dir=data_dir, fractions=fractions)
