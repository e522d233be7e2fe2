"""Music as piano rolls in three splits, by name or from files of the user's own."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import DataError, SeqlabError, unknown_name
from seqlab.data.files import locate, sha256_of
from seqlab.data.loaders.midi import read_midi
from seqlab.data.loaders.piano_rolls import (
    Parts,
    Piece,
    checked_piece,
    read_json_rolls,
    read_mat_rolls,
    read_npz_rolls,
)
from seqlab.data.registry import DATASETS, DEFAULT_FRACTIONS, Fractions
from seqlab.data.splits import split_by_position

BUILTIN_ROLLS = "counterpoint"
FORMAT = "rolls"
# Formats whose one file has the three splits, and formats that may have a file or folder for each.
WITH_SPLITS: dict[str, Callable[[Path], Parts]] = {"json": read_json_rolls, "mat": read_mat_rolls}
WITHOUT_SPLITS = ("midi", "npz")


class RollSplits(NamedTuple):
    """Pieces of music in three parts.

    Attributes:
        train: what the model is made from.
        validation: what choices are made on.
        test: read by the final evaluation alone.
        checksums: file name -> sha256 of its bytes; for generated pieces, of their notes.
        description: what they are.
        licence: under which terms they are given.
    """

    train: Sequence[Piece]
    validation: Sequence[Piece]
    test: Sequence[Piece]
    checksums: dict[str, str]
    description: str
    licence: str


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
    kind, colon, path = dataset.partition(":")
    if not colon:
        return _registered(BUILTIN_ROLLS if dataset == "builtin" else dataset, data_dir, fractions)
    if kind in WITH_SPLITS:
        file = Path(path).expanduser()
        parts, checksums = WITH_SPLITS[kind](file), {path: sha256_of(file)}
        for name, part in zip(RollSplits._fields, parts, strict=False):
            if not part:
                raise DataError(f"{path}: expected pieces in each split, found none to {name}.")
    elif kind in WITHOUT_SPLITS:
        parts, checksums = _read_own(kind, path, fractions, frames_per_beat)
    else:
        raise unknown_name("format", kind, [*WITH_SPLITS, *WITHOUT_SPLITS])
    return RollSplits(*parts, checksums, f"the music of {path}", "the user's own")


def _read_own(kind: str, path: str, fractions: Fractions, frames_per_beat: int) -> tuple[Parts, dict[str, str]]:
    whole = Path(path).expanduser().exists()
    names = [path] if whole else path.split(",")
    if len(names) not in (1, 3):
        what = "folder of MIDI files" if kind == "midi" else "file"
        raise SeqlabError(
            f"--dataset={kind}:{path}: expected one {what}, or three for training, validation and test with commas "
            f"between them; got {len(names)}."
        )
    checksums: dict[str, str] = {}
    found = []
    for name in names:
        place = Path(name).expanduser()
        files = _midi_files(place) if kind == "midi" else [place]
        if kind == "midi":
            found.append([checked_piece(read_midi(file, frames_per_beat), str(file)) for file in files])
        else:
            found.append(read_npz_rolls(place))
        checksums |= {str(file): sha256_of(file) for file in files}
    if len(found) == 3:
        return (found[0], found[1], found[2]), checksums
    order = np.random.default_rng(0).permutation(len(found[0])).tolist()
    return split_by_position([found[0][index] for index in order], fractions), checksums


def _midi_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of MIDI files (.mid, .midi); there is none of this name.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    if not files:
        raise DataError(f"{folder}: expected MIDI files (.mid, .midi) in this folder, found none.")
    return files


def _registered(name: str, data_dir: Path | str, fractions: Fractions) -> RollSplits:
    if name not in DATASETS or DATASETS[name].format != FORMAT:
        known = [known for known, entry in DATASETS.items() if entry.format == FORMAT]
        raise unknown_name("dataset", name, [*known, "builtin", "midi:FOLDER", "mat:FILE", "json:FILE", "npz:FILE"])
    entry = DATASETS[name]
    paths = {file: locate(name, file, remote, data_dir) for file, remote in entry.files.items()}
    parts: Parts = entry.read(paths, fractions)
    checksums = {file: remote.sha256 for file, remote in entry.files.items()} or {name: _sha256_of(parts)}
    return RollSplits(*parts, checksums, entry.description, entry.licence)


def _sha256_of(parts: Parts) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for piece in part:
            digest.update(len(piece.roll).to_bytes(8, "little") + piece.roll.tobytes())
    return digest.hexdigest()
