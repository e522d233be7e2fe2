"""Sequences of DNA with a label each: letters as shares of the four bases.

    fasta    a line with > and a name, then the sequence on any number of lines; a file for each class, whose name is
             the label
    csv      class, name, sequence on a line, without a header

A letter is a vector over A, C, G, T. One that stands for several bases has an equal share of each: N is a quarter of
every base, R half A and half G (IUPAC-IUB, 1985). U is read as T, and small letters as large ones. Anything else, gaps
included, is refused.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.loaders.sensors import LabelledFeatures, csv_rows
from seqlab.data.loaders.text import read_text

BASES = "ACGT"
# The bases that a letter stands for.
MEANINGS = {
    "A": "A",
    "C": "C",
    "G": "G",
    "T": "T",
    "U": "T",
    "R": "AG",
    "Y": "CT",
    "S": "CG",
    "W": "AT",
    "K": "GT",
    "M": "AC",
    "B": "CGT",
    "D": "AGT",
    "H": "ACT",
    "V": "ACG",
    "N": "ACGT",
}
_SHARES = np.zeros((256, 4), np.float32)
for _letter, _bases in MEANINGS.items():
    for _case in (_letter, _letter.lower()):
        _SHARES[ord(_case)] = [(base in _bases) / len(_bases) for base in BASES]


def base_shares(sequence: str, place: str) -> np.ndarray:
    """The shares of A, C, G and T at each letter [T, 4].

    Raises:
        DataError: at ``place``, for a letter that stands for no base, with its position.

    >>> base_shares("aR", "a.fa:2").tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0]]
    """
    codes = np.frombuffer(sequence.encode("latin-1", "replace"), np.uint8)
    shares = _SHARES[codes]
    exists = shares.any(axis=1)
    if not exists.all():
        wrong = int(exists.argmin())
        raise DataError(
            f"{place}: expected letters of {''.join(sorted(MEANINGS))}, found {sequence[wrong]!r} at position "
            f"{wrong + 1} of the sequence."
        )
    return shares


def read_fasta(path: Path | str) -> list[LabelledFeatures]:
    """The sequences of a FASTA file; their label is the file's name without its ending.

    Raises:
        DataError: no text; letters before the first name; a name without a sequence; a letter that stands for no base.
    """
    rows: list[LabelledFeatures] = []
    label, name, row, parts = Path(path).stem, None, 0, []

    def close() -> None:
        if name is None:
            return
        place = f"{path}:{row}"
        if not parts:
            raise DataError(f"{place}: expected a sequence behind '>{name}', found none.")
        text = "".join(part for _, part in parts)
        shares = np.concatenate([base_shares(part, f"{path}:{line}") for line, part in parts])
        rows.append(LabelledFeatures(shares, label, row, str(path), name, text))

    for number, line in enumerate(read_text(path).split("\n"), start=1):
        line = line.strip()
        if line.startswith(">"):
            close()
            name, row, parts = line[1:].strip(), number, []
        elif line and name is None:
            raise DataError(f"{path}:{number}: expected a line with > and a name, found {line[:60]!r}.")
        elif line:
            parts.append((number, line))
    close()
    if not rows:
        raise DataError(f"{path}: expected sequences in FASTA, found none.")
    return rows


def read_fasta_files(paths: Sequence[Path]) -> list[LabelledFeatures]:
    """The sequences of several FASTA files, a class each.

    Raises:
        DataError: as in `read_fasta`, or two files of one name.
    """
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        raise DataError(f"{paths[0]}: expected FASTA files of different names, which are the labels; found {names}.")
    return [row for path in paths for row in read_fasta(path)]


def read_sequence_csv(path: Path | str) -> list[LabelledFeatures]:
    """The sequences of a csv file with class, name and sequence on a line.

    Raises:
        DataError: another number of columns, nothing in one of them, or a letter that stands for no base.
    """
    rows = []
    for row, columns in csv_rows(path):
        place = f"{path}:{row}"
        if len(columns) != 3 or not all(column.strip() for column in columns):
            raise DataError(f"{place}: expected class, name and sequence, found {len(columns)} columns in {columns}.")
        label, name, text = (column.strip() for column in columns)
        rows.append(LabelledFeatures(base_shares(text, place), label, row, str(path), name, text))
    if not rows:
        raise DataError(f"{path}: expected lines with class, name and sequence, found none.")
    return rows
