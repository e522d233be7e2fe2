"""Files with many piano rolls: MATLAB's, JSON and NPZ; see ``seqlab.data.loaders.midi`` for what a roll is.

mat     the cells traindata, validdata and testdata of 0/1 matrices (Boulanger-Lewandowski et al., 2012)
json    {"train": [...], "valid": [...], "test": [...]}: a piece is a list of frames, a frame a list of MIDI numbers
npz     an array [T, 88] of 0 and 1 a piece; no split
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.loaders.matlab import read_cells
from seqlab.data.loaders.midi import LOWEST_KEY, NUM_KEYS
from seqlab.data.loaders.npz import read_arrays
from seqlab.data.loaders.text import read_text


class Piece(NamedTuple):
    """One piece of music.

    Attributes:
        roll: its frames [T, 88] of 0 and 1, uint8.
        place: the file, and what stands for a row in it.
    """

    roll: np.ndarray
    place: str


MAT_PARTS = ("traindata", "validdata", "testdata")
Parts = tuple[list[Piece], list[Piece], list[Piece]]


def checked_piece(roll: Any, place: str) -> Piece:
    """A piece, once its roll is one.

    Raises:
        DataError: not [T, 88] with at least two frames, values other than 0 and 1, or no note.
    """
    roll = np.asarray(roll)
    if roll.ndim != 2 or roll.shape[1] != NUM_KEYS:
        raise DataError(f"{place}: expected a roll [T, {NUM_KEYS}], a column a key; found {list(roll.shape)}.")
    if roll.dtype.kind not in "buif":
        raise DataError(f"{place}: expected a roll of numbers 0 and 1, found the type {roll.dtype}.")
    wrong = ~((roll == 0) | (roll == 1))  # So that nan is wrong, too.
    if wrong.any():
        frame, key = np.argwhere(wrong)[0].tolist()
        raise DataError(f"{place}: frame {frame + 1}, column {key + 1}: expected 0 or 1, found {roll[frame, key]}.")
    if len(roll) < 2 or not roll.any():
        found = f"{len(roll)} frames" if len(roll) < 2 else "no note"
        raise DataError(f"{place}: expected at least two frames with notes, found {found}.")
    return Piece(roll.astype(np.uint8), place)


def read_mat_rolls(path: Path) -> Parts:
    """The three splits of a MATLAB file.

    Raises:
        DataError: no such file, or a roll that is none.
    """
    cells = read_cells(path, MAT_PARTS)
    parts = [
        [checked_piece(roll, f"{path}: {name}:{number}") for number, roll in enumerate(cells[name], start=1)]
        for name in MAT_PARTS
    ]
    return parts[0], parts[1], parts[2]


def read_json_rolls(path: Path) -> Parts:
    """The three splits of a JSON file.

    Raises:
        DataError: no JSON, no such lists, or a number that is no key of a piano.
    """
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: expected JSON: {error}.") from error
    parts = []
    for name in ("train", "valid", "test"):
        pieces = found.get(name) if isinstance(found, dict) else None
        if not isinstance(pieces, list):
            raise DataError(f"{path}: expected an object with lists train, valid and test; found no list {name!r}.")
        rolls = enumerate(pieces, start=1)
        parts.append([_piece_of_notes(piece, f"{path}: {name}:{number}") for number, piece in rolls])
    return parts[0], parts[1], parts[2]


def read_npz_rolls(path: Path) -> list[Piece]:
    """The pieces of an NPZ file, in the order of their names; nothing is unpickled.

    Raises:
        DataError: no such file, or a roll that is none.
    """
    return [checked_piece(roll, f"{path}: {name}") for name, roll in sorted(read_arrays(path).items())]


def _piece_of_notes(frames: Any, place: str) -> Piece:
    if not isinstance(frames, list) or not all(isinstance(frame, list) for frame in frames):
        raise DataError(f"{place}: expected a list of frames, each a list of MIDI numbers.")
    roll = np.zeros((len(frames), NUM_KEYS), np.uint8)
    for number, frame in enumerate(frames, start=1):
        for note in frame:
            # The numbers of some collections are floats; a bool is an int, and means another thing.
            known = isinstance(note, int | float) and not isinstance(note, bool)
            if not known or not LOWEST_KEY <= note < LOWEST_KEY + NUM_KEYS or note != int(note):
                last = LOWEST_KEY + NUM_KEYS - 1
                raise DataError(f"{place}: frame {number}: expected MIDI numbers {LOWEST_KEY} to {last}; found {note}.")
            roll[number - 1, int(note) - LOWEST_KEY] = 1
    return checked_piece(roll, place)
