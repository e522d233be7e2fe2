"""Vectors of words in the text format of GloVe and word2vec: a word and its numbers a line, parted by spaces.

word2vec's first line has two integers, the number of words and that of numbers; GloVe has no such line. Some of GloVe's
words have spaces in them: the numbers are the last ones of the line, as many as the second line has.
"""

from collections.abc import Container, Iterable
from pathlib import Path

import numpy as np

from seqlab.core.errors import DataError

# Of the numbers in word2vec's first line.
MOST_DIGITS = 10


def read_vectors(path: Path | str, wanted: Container[str]) -> dict[str, np.ndarray]:
    """The vectors [F] of those words of the file that are ``wanted``, all of them checked; a file of gigabytes will do.

    A word that stands there twice has the first of its vectors.

    Raises:
        DataError: no such file; a line that is no UTF-8, has a NUL byte, other than as many numbers as the lines
            before, or something that is no finite number; no vector at all.
    """
    try:
        with open(path, "rb") as file:
            vectors = _read_lines(file, wanted, str(path))
    except OSError as error:
        raise DataError(f"{path}: the vectors cannot be read: {error.strerror}.") from error
    return vectors


def _read_lines(lines: Iterable[bytes], wanted: Container[str], path: str) -> dict[str, np.ndarray]:
    vectors: dict[str, np.ndarray] = {}
    width = 0
    for row, line in enumerate(lines, start=1):
        fields = _fields(line, f"{path}:{row}")
        if (
            row == 1
            and len(fields) == 2
            and all(field.isascii() and field.isdigit() and len(field) < MOST_DIGITS for field in fields)
        ):
            width = int(fields[1])
            continue
        width = width or len(fields) - 1
        word, vector = _parse(fields, width, f"{path}:{row}")
        if word in wanted:
            vectors.setdefault(word, vector)
    if not width:
        raise DataError(f"{path}: expected a word and its vector a line, found nothing.")
    return vectors


def _fields(line: bytes, place: str) -> list[str]:
    if b"\0" in line:
        raise DataError(f"{place}: expected UTF-8 text, found a NUL byte; is the file binary? Convert it to text.")
    try:
        return line.decode("utf-8").removeprefix("\ufeff").rstrip(" \r\n").split(" ")
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: expected UTF-8, found 0x{line[error.start]:02x} ({error.reason}).") from error


def _parse(fields: list[str], width: int, place: str) -> tuple[str, np.ndarray]:
    if width < 1 or len(fields) <= width:
        wanted = f"a word and {width} numbers as in the lines before" if width else "a word and its numbers"
        raise DataError(f"{place}: expected {wanted}, found {len(fields)} columns.")
    word, numbers = " ".join(fields[:-width]), fields[-width:]
    try:
        with np.errstate(over="ignore"):  # What float32 has no room for is infinite in it, and refused as such.
            vector = np.array([float(number) for number in numbers], np.float32)
    except ValueError as error:
        raise DataError(f"{place}: expected {width} numbers behind the word; {error}.") from error
    if not np.isfinite(vector).all():
        raise DataError(f"{place}: expected finite numbers, found {numbers[int(np.isfinite(vector).argmin())]}.")
    if " " in word and _is_number(fields[-width - 1]):
        raise DataError(f"{place}: expected {width} numbers as in the lines before, found more.")
    return word, vector


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
