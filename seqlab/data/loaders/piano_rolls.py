"""Files with many piano rolls: MATLAB's, JSON and NPZ; see ``seqlab.data.loaders.midi`` for what a roll is.

mat     the cells traindata, validdata and testdata of 0/1 matrices (Boulanger-Lewandowski et al., 2012)
json    {"train": [...], "valid": [...], "test": [...]}: a piece is a list of frames, a frame a list of MIDI numbers
npz     an array [T, 88] of 0 and 1 a piece; no split
"""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.loaders.midi import LOWEST_KEY, NUM_KEYS
from seqlab.data.loaders.text import read_text


class Piece(NamedTuple):
    """One piece of music.

    Attributes:
        roll: its frames [T, 88] of 0 and 1, uint8.
        place: the file, and what stands for a row in it.
    """

    roll: np.ndarray
    place: str


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
    from scipy.io import loadmat  # Here, as no other data set needs it.

    content = _bytes(path)
    try:
        found = loadmat(BytesIO(content))
    # What scipy raises depends on which byte is wrong.
    except Exception as error:
        raise DataError(f"{path}: expected a MATLAB file: {' '.join(str(error).split()).rstrip('.')}.") from error
    parts = []
    for name in ("traindata", "validdata", "testdata"):
        cells = found.get(name)
        if cells is None or cells.dtype != object:
            known = ", ".join(key for key in found if not key.startswith("__"))
            raise DataError(f"{path}: expected the cells {name}; found {known or 'nothing'}.")
        rolls = enumerate(cells.ravel(), start=1)
        parts.append([checked_piece(roll, f"{path}: {name}:{number}") for number, roll in rolls])
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
    content = _bytes(path)
    try:
        with np.load(BytesIO(content), allow_pickle=False) as arrays:
            rolls = {name: arrays[name] for name in sorted(arrays.files)}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path}: expected an NPZ file of plain arrays: {reason}.") from error
    if not rolls:
        raise DataError(f"{path}: expected an array [T, {NUM_KEYS}] a piece, found none.")
    return [checked_piece(roll, f"{path}: {name}") for name, roll in rolls.items()]


def _piece_of_notes(frames: Any, place: str) -> Piece:
    if not isinstance(frames, list) or not all(isinstance(frame, list) for frame in frames):
        raise DataError(f"{place}: expected a list of frames, each a list of MIDI numbers.")
    roll = np.zeros((len(frames), NUM_KEYS), np.uint8)
    for number, frame in enumerate(frames, start=1):
        for note in frame:
            # The numbers of some collections are floats; a bool is an int, and means another thing.
            whole = isinstance(note, int | float) and not isinstance(note, bool) and float(note).is_integer()
            if not whole or not LOWEST_KEY <= note < LOWEST_KEY + NUM_KEYS:
                last = LOWEST_KEY + NUM_KEYS - 1
                raise DataError(f"{place}: frame {number}: expected MIDI numbers {LOWEST_KEY} to {last}; found {note}.")
            roll[number - 1, int(note) - LOWEST_KEY] = 1
    return checked_piece(roll, place)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error
