"""Music as piano rolls in three parts, by name or from files of the user's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from seqlab.core.errors import DataError
from seqlab.data.entry import Fractions
from seqlab.data.loaders.midi import read_midi
from seqlab.data.loaders.piano_rolls import Piece, checked_piece, read_json_rolls, read_mat_rolls, read_npz_rolls
from seqlab.data.own_files import one_path
from seqlab.data.registry import DEFAULT_FRACTIONS, Kind, load_data
from seqlab.data.splits import DataSplits

RollSplits: TypeAlias = DataSplits[Sequence[Piece]]


def rolls_kind(frames_per_beat: int) -> Kind:
    """What is read, with so many frames of a quarter note for MIDI files."""
    return Kind(
        format="rolls",
        builtin="counterpoint",
        formats={
            "json": one_path(read_json_rolls, has_splits=True),
            "mat": one_path(read_mat_rolls, has_splits=True),
            "midi": one_path(lambda folder: _read_midi_folder(folder, frames_per_beat)),
            "npz": one_path(read_npz_rolls),
        },
        content=lambda part: (len(piece.roll).to_bytes(8, "little") + piece.roll.tobytes() for piece in part),
    )


def load_rolls(
    dataset: str, *, data_dir: Path | str, fractions: Fractions = DEFAULT_FRACTIONS, frames_per_beat: int = 1
) -> RollSplits:
    """A data set of piano rolls.

    Args:
        dataset: a name of the registry whose format is ``rolls``; ``builtin``; ``mat:FILE`` or ``json:FILE`` with a
            split of its own; ``midi:FOLDER`` or ``npz:FILE``, or three of them for training, validation and test with
            commas between them.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the pieces, where one file or folder has all of them. They are shuffled first, always
            alike, as such collections are often sorted.
        frames_per_beat: frames of a quarter note, for MIDI files.

    Raises:
        SeqlabError: an unknown name or format, a file that cannot be had, wrong fractions, or another number of files.
        DataError: a file with another checksum, or one with something else than piano rolls.

    >>> load_rolls("builtin", data_dir="data").train[0].roll.shape
    (64, 88)
    """
    return load_data(dataset, rolls_kind(frames_per_beat), data_dir=data_dir, fractions=fractions)


def _read_midi_folder(folder: Path, frames_per_beat: int) -> list[Piece]:
    return [checked_piece(read_midi(file, frames_per_beat), str(file)) for file in _midi_files(folder)]


def _midi_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of MIDI files (.mid, .midi); there is none of this name.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    if not files:
        raise DataError(f"{folder}: expected MIDI files (.mid, .midi) in this folder, found none.")
    return files
