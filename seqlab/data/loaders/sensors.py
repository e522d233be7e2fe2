"""Sequences of feature vectors with a label each, from sensors that were read over time, in three formats.

    ts     header lines with @, then a line a sequence: channels with : between them, values with , , the label last
    csv    a header; a row for each time step, with the columns ``sequence``, ``label`` and one for each channel
    npz    arrays ``inputs`` [N, T, F] or [N, T], ``labels`` [N], and perhaps ``lengths`` [N]

Every number has to be finite, and every sequence to have at least one step. Of a ts file the channels of a sequence are
equally long; time stamps and missing values are refused. The rows of a csv sequence stand together, in order of time,
and have one label.

References:
    The ts format: https://www.aeon-toolkit.org (UEA archive of time series classification, Bagnall et al., 2018).
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.loaders.npz import read_arrays
from seqlab.data.loaders.text import read_text

SEQUENCE_COLUMN, LABEL_COLUMN = "sequence", "label"
# Of a number of channels.
MOST_DIGITS = 10
# Header entries of a ts file that this reader can only read with this value.
ONLY = {"timestamps": "false", "missing": "false"}


class LabelledFeatures(NamedTuple):
    """A sequence and its label.

    Attributes:
        features: a vector a time step [T, F], or of a video a frame a step [T, Y, X, F].
        label: its class.
        row: the line of its file, counted from 1, or its number among the rows of a binary file; 0 where there is none.
        path: the file.
        name: what the file calls it; for DNA, the sequence's own name.
        text: the sequence in letters, where it has any.
    """

    features: np.ndarray
    label: str
    row: int = 0
    path: str = ""
    name: str = ""
    text: str = ""

    @property
    def place(self) -> str:
        """Where it came from, for a message."""
        return f"{self.path}:{self.row}" if self.row else self.path


def read_ts(path: Path | str) -> list[LabelledFeatures]:
    """The sequences of a ts file.

    Raises:
        DataError: a header that is not as this reader needs it, or a line with another number of channels, channels of
            unequal length, something that is no finite number, or a label that the header does not have.
    """
    lines = list(enumerate(read_text(path).split("\n"), start=1))
    header: dict[str, str] = {}
    places: dict[str, str] = {}
    start = len(lines)
    for number, (row, line) in enumerate(lines):
        if not line.strip() or line.startswith("#"):
            continue
        key, _, value = line.strip().partition(" ")
        if not key.startswith("@"):
            raise DataError(f"{path}:{row}: expected a header line with @ or @data, found {line[:60]!r}.")
        if key.lower() == "@data":
            start = number + 1
            break
        name = key[1:].lower()
        header[name], places[name] = value.strip(), f"{path}:{row}"
    labels, num_channels = _ts_header(header, places, str(path))
    rows = [_ts_row(line, row, str(path), labels, num_channels) for row, line in lines[start:] if line.strip()]
    return _some(rows, path)


def _ts_header(header: dict[str, str], places: dict[str, str], path: str) -> tuple[set[str], int]:
    for key, wanted in ONLY.items():
        if header.get(key, wanted).lower() != wanted:
            place, found = places[key], header[key][:60]
            raise DataError(f"{place}: expected @{key} {wanted}, found {found!r}. Fill the gaps in the data first.")
    has_labels, *labels = header.get("classlabel", "").split() or [""]
    if has_labels.lower() != "true" or not labels:
        raise DataError(f"{path}: expected a header line '@classLabel true LABEL LABEL ...', found none.")
    univariate = header.get("univariate", "true").lower() == "true"
    given = header.get("dimensions", "1" if univariate else "")
    if not (given.isascii() and given.isdigit() and len(given) < MOST_DIGITS and int(given)):
        raise DataError(
            f"{places.get('dimensions', path)}: expected a header line '@dimensions NUMBER', found {given[:60]!r}."
        )
    return set(labels), int(given)


def _ts_row(line: str, row: int, path: str, labels: set[str], num_channels: int) -> LabelledFeatures:
    *channels, label = line.strip().split(":")
    place = f"{path}:{row}"
    if len(channels) != num_channels:
        raise DataError(
            f"{place}: expected {num_channels} channels and a label, with : between; found {len(channels)}."
        )
    if label not in labels:
        raise DataError(f"{place}: expected one of the header's labels, {', '.join(sorted(labels))}; found {label!r}.")
    values = [numbers(channel.split(","), place) for channel in channels]
    lengths = {len(channel) for channel in values}
    if len(lengths) != 1:
        raise DataError(f"{place}: expected channels of one length, found {sorted(lengths)} values.")
    return LabelledFeatures(np.stack(values, axis=1), label, row, path)


def read_csv(path: Path | str) -> list[LabelledFeatures]:
    """The sequences of a csv file with a header and a row a time step.

    Raises:
        DataError: a header without the two columns or without a channel; a row with another number of columns, with
            something that is no finite number, without a label or with another one than the sequence's first row; a
            sequence whose rows do not stand together.
    """
    lines = csv_rows(path)
    header = [column.strip() for column in next(lines, (1, []))[1]]
    if not {SEQUENCE_COLUMN, LABEL_COLUMN} <= set(header) or len(header) < 3 or len(set(header)) < len(header):
        raise DataError(f"{path}:1: expected a header with sequence, label and channels, found {','.join(header)!r}.")
    sequence_at, label_at = header.index(SEQUENCE_COLUMN), header.index(LABEL_COLUMN)
    channels = [place for place in range(len(header)) if place not in (sequence_at, label_at)]
    found: dict[str, tuple[int, str, list[np.ndarray]]] = {}
    last = None
    for row, columns in lines:
        place = f"{path}:{row}"
        if len(columns) != len(header):
            raise DataError(f"{place}: expected {len(header)} columns as in the header, found {len(columns)}.")
        name, label = columns[sequence_at].strip(), columns[label_at].strip()
        if name != last and name in found:
            raise DataError(f"{place}: expected the rows of sequence '{name}' together, found other rows between them.")
        last = name
        first_row, first_label, steps = found.setdefault(name, (row, label, []))
        if not label or label != first_label:
            raise DataError(f"{place}: expected the label of row {first_row}, '{first_label}'; found '{label}'.")
        steps.append(numbers([columns[channel] for channel in channels], place))
    rows = [LabelledFeatures(np.stack(of), label, row, str(path), name) for name, (row, label, of) in found.items()]
    return _some(rows, path)


def read_npz(path: Path | str) -> list[LabelledFeatures]:
    """The sequences of an npz file; nothing in it is ever unpickled.

    Raises:
        DataError: no such file, no archive of arrays, arrays of objects or of other shapes, lengths outside [1, T], or
            a number that is not finite.
    """
    arrays = read_arrays(path)
    inputs, labels = (arrays.get(name) for name in ("inputs", "labels"))
    if inputs is None or labels is None or inputs.ndim not in (2, 3) or labels.shape != inputs.shape[:1]:
        shapes = {name: array.shape for name, array in arrays.items()}
        raise DataError(f"{path}: expected arrays inputs [N, T, F] or [N, T] and labels [N]; found {shapes}.")
    if inputs.dtype.kind not in "fiub":
        raise DataError(f"{path}: expected inputs to be numbers, found {inputs.dtype}.")
    with np.errstate(over="ignore"):  # What float32 has no room for is infinite in it, and refused as such.
        inputs = inputs.astype(np.float32).reshape(*inputs.shape[:2], -1)
    return _some(array_rows(inputs, labels, arrays.get("lengths"), path), path)


def array_rows(
    inputs: np.ndarray, labels: np.ndarray, lengths: np.ndarray | None, path: Path | str
) -> list[LabelledFeatures]:
    """The rows [T_i, ...] of inputs [N, T, ...] with labels [N] and, where they are given, lengths [N].

    Raises:
        DataError: lengths outside [1, T], or a number that is not finite in a row.
    """
    lengths = np.full(len(inputs), inputs.shape[1]) if lengths is None else lengths
    if lengths.shape != labels.shape or lengths.dtype.kind not in "iu":
        raise DataError(f"{path}: expected lengths to be {len(inputs)} integers, found {lengths.dtype}{lengths.shape}.")
    rows = []
    for index, (row, label, length) in enumerate(zip(inputs, labels.tolist(), lengths.tolist(), strict=True), start=1):
        if not 1 <= length <= len(row):
            raise DataError(f"{path}:{index}: expected a length in [1, {len(row)}], found {length}.")
        if not np.isfinite(row[:length]).all():
            raise DataError(
                f"{path}:{index}: expected finite numbers, found {row[:length][~np.isfinite(row[:length])][0]}."
            )
        rows.append(LabelledFeatures(row[:length], _label(label), index, str(path)))
    return rows


def numbers(fields: Sequence[str], place: str) -> np.ndarray:
    """The fields as finite numbers [F].

    Raises:
        DataError: at ``place``, with what was found.

    >>> numbers(["1", " 2.5 "], "a.csv:1").tolist()
    [1.0, 2.5]
    """
    try:
        with np.errstate(over="ignore"):  # What float32 has no room for is infinite in it, and refused as such.
            values = np.array([float(field) for field in fields], np.float32)
    except ValueError as error:
        raise DataError(f"{place}: expected numbers; {error}.") from None
    if not np.isfinite(values).all():
        raise DataError(
            f"{place}: expected finite numbers, found {fields[int(np.isfinite(values).argmin())]!r}. "
            "Leave the sequence out, or fill what is missing."
        )
    return values


def csv_rows(path: Path | str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a csv file that are not blank, each with the number of its line.

    Raises:
        DataError: what `seqlab.data.loaders.text.read_text` refuses, or a line that is no csv.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for columns in reader:
            if any(column.strip() for column in columns):
                yield reader.line_num, columns
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: expected columns with commas between them; {error}.") from error


def _label(label: object) -> str:
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)


def _some(rows: list[LabelledFeatures], path: Path | str) -> list[LabelledFeatures]:
    if not rows:
        raise DataError(f"{path}: expected sequences and their labels, found none.")
    return rows
