"""Collections of recordings: WAV files in a folder, or in a zip archive that is read in memory and never unpacked.

Two ways of saying which word a recording is:

    the folder that it lies in      yes/anna_1.wav, no/anna_2.wav
    its own name                    7_jackson_32.wav: the digit, who speaks, and a number (Free Spoken Digit Dataset)
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.loaders.archives import zipped_files
from seqlab.data.loaders.wav import Recording, decode_wav, is_wav, read_wav
from seqlab.data.paged import PagedArrays

# Longer numbers than these are no recording's.
MOST_DIGITS = 10


class SpokenWord(NamedTuple):
    """A recording of one word.

    Attributes:
        samples: float32 [N] in [-1, 1].
        rate: samples a second.
        label: the word.
        name: what the collection calls it.
        speaker: who speaks, where that is known.
        number: the speaker's recordings of the word are told apart by it.
        path: the file, or the archive and the file in it.
    """

    samples: np.ndarray
    rate: int
    label: str
    name: str = ""
    speaker: str = ""
    number: int = 0
    path: str = ""

    @property
    def place(self) -> str:
        """Where it came from, for a message."""
        return self.path

    @property
    def recording(self) -> Recording:
        """The sound alone."""
        return Recording(self.samples, self.rate, self.path)


def recordings_in(path: Path) -> Iterator[tuple[PurePosixPath, Recording]]:
    """The WAV files of a folder or zip archive, with those in folders within it, by name: (name in it, recording).

    Raises:
        DataError: neither folder nor archive, no WAV file in it, or one that `decode_wav` refuses.
    """
    found, paged = False, PagedArrays()
    for name, recording in _in_folder(path) if path.is_dir() else _in_archive(path):
        found = True
        yield name, recording._replace(samples=paged.keep(recording.samples))
    if not found:
        raise DataError(f"{path}: expected WAV files in it, found none.")


def read_words(path: Path) -> list[SpokenWord]:
    """Recordings whose label is the folder that they lie in.

    Raises:
        DataError: as `recordings_in`; a file that lies in no folder.
    """
    rows = []
    for name, recording in recordings_in(path):
        if not name.parent.name:
            raise DataError(f"{recording.source}: expected a folder for each word, with its recordings in it.")
        rows.append(_word(recording, name.parent.name, str(name)))
    return rows


def read_digits(path: Path) -> list[SpokenWord]:
    """Recordings named ``WORD_SPEAKER_NUMBER.wav``.

    Raises:
        DataError: as `recordings_in`; a file of another name.

    References:
        Jackson et al., Free Spoken Digit Dataset, https://github.com/Jakobovski/free-spoken-digit-dataset.
    """
    rows = []
    for name, recording in recordings_in(path):
        label, _, rest = name.stem.partition("_")
        speaker, _, number = rest.rpartition("_")
        if not (label and speaker and number.isascii() and number.isdigit() and len(number) < MOST_DIGITS):
            raise DataError(f"{recording.source}: expected a name WORD_SPEAKER_NUMBER.wav, such as 7_jackson_32.wav.")
        rows.append(_word(recording, label, name.stem, speaker, int(number)))
    return rows


def _word(recording: Recording, label: str, name: str, speaker: str = "", number: int = 0) -> SpokenWord:
    return SpokenWord(recording.samples, recording.rate, label, name, speaker, number, recording.source)


def _in_folder(path: Path) -> Iterator[tuple[PurePosixPath, Recording]]:
    for file in sorted(path.rglob("*")):
        if is_wav(file) and file.is_file():
            yield PurePosixPath(file.relative_to(path).as_posix()), read_wav(file)


def _in_archive(path: Path) -> Iterator[tuple[PurePosixPath, Recording]]:
    for name, content in zipped_files(path, lambda name: is_wav(PurePosixPath(name)), "WAV files"):
        yield PurePosixPath(name), decode_wav(content, f"{path}/{name}")
