"""Recordings with what is said in them.

A folder of WAV files has its transcripts in one of two ways:

    transcripts.tsv   a row for each recording: NAME TAB TRANSCRIPT, with or without .wav behind the name
    NAME.txt          beside each NAME.wav

Words are parted by white space, of which one blank is left. A transcript may be empty: nothing is said.
"""

from pathlib import Path
from typing import NamedTuple

from seqlab.core.errors import DataError
from seqlab.data.loaders.text import read_text
from seqlab.data.loaders.wav import Recording, is_wav, read_wav
from seqlab.data.paged import PagedArrays

TRANSCRIPTS_FILE = "transcripts.tsv"


class Utterance(NamedTuple):
    """A recording and its transcript.

    Attributes:
        recording: what was recorded.
        transcript: what is said, one blank between two words.
        speaker: who says it; empty where that is not known.
    """

    recording: Recording
    transcript: str
    speaker: str = ""


def read_transcribed_folder(path: Path | str) -> list[Utterance]:
    """The recordings of a folder with their transcripts, by name, or in the order of ``transcripts.tsv``.

    Raises:
        DataError: no folder, no WAV file in it, a recording without a transcript or the other way round, a wrong row,
            or a file that is no WAV file.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of WAV files with transcripts, found none of that name.")
    files = {file.stem: file for file in sorted(folder.iterdir()) if is_wav(file)}
    if not files:
        raise DataError(f"{folder}: expected WAV files (NAME.wav), found none.")
    if (folder / TRANSCRIPTS_FILE).exists():
        transcripts = _read_tsv(folder / TRANSCRIPTS_FILE, set(files))
    else:
        transcripts = {name: _read_txt(folder / f"{name}.txt") for name in files}
    for name in files:
        if name not in transcripts:
            raise DataError(f"{folder / TRANSCRIPTS_FILE}: expected a row for {name}.wav, found none.")
    rows, paged = [], PagedArrays()
    for name, text in transcripts.items():
        recording = read_wav(files[name])
        rows.append(Utterance(recording._replace(samples=paged.keep(recording.samples)), text))
    return rows


def _read_tsv(path: Path, names: set[str]) -> dict[str, str]:
    transcripts: dict[str, str] = {}
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), start=1):
        name, tab, text = line.partition("\t")
        name = name.removesuffix(".wav")
        if not tab:
            raise DataError(f"{path}:{number}: expected NAME TAB TRANSCRIPT, found no tab in {line[:60]!r}.")
        if name not in names:
            raise DataError(f"{path}:{number}: expected the name of a WAV file beside it, found {name[:60]!r}.")
        if name in transcripts:
            raise DataError(f"{path}:{number}: expected one row for each recording, found {name!r} again.")
        transcripts[name] = " ".join(text.split())
    return transcripts


def _read_txt(path: Path) -> str:
    if not path.exists():
        raise DataError(
            f"{path}: expected the transcript of {path.stem}.wav, found no such file. Write it, or one "
            f"{TRANSCRIPTS_FILE} for all recordings."
        )
    return "" if path.is_file() and not path.stat().st_size else " ".join(read_text(path).split())
