"""Images with a label each as sequences of pixels, row by row from the top left, grey values from 0 to 1.

    idx       two files as MNIST has them, images [N, height, width] and labels [N], of bytes; perhaps in gzip
    csv       a line an image: its pixels as integers from 0 to a largest value, then its class; no header.
              A line that begins with # is passed over

An idx file begins with 0, 0, the type (8: unsigned bytes), the number of axes, and each axis in four bytes, the largest
first (LeCun et al., 1998).
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.loaders.archives import gunzipped
from seqlab.data.loaders.sensors import LabelledFeatures, csv_rows, numbers

UNSIGNED_BYTES = 8
GZIP = b"\x1f\x8b"


def read_idx(path: Path | str) -> np.ndarray:
    """The array of an idx file of bytes.

    Raises:
        DataError: no such file, another type or header, or another number of bytes than the header says.
    """
    try:
        content = Path(path).read_bytes()
        if content.startswith(GZIP):
            content = gunzipped(content, path)
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTES or not 1 <= content[3] <= 4:
        raise DataError(
            f"{path}: byte 0: expected an idx header of unsigned bytes, 00 00 08, found {content[:4].hex(' ')}."
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"{path}: byte {len(content)}: expected {content[3]} axes in the header, found its end.")
    shape = [int.from_bytes(content[place : place + 4], "big") for place in range(4, start, 4)]
    if not all(shape) or len(content) - start != math.prod(shape):
        raise DataError(
            f"{path}: byte {len(content)}: expected {math.prod(shape)} bytes behind the header for {shape}, found "
            f"{len(content) - start}. The file is cut short or another one."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_idx_pair(paths: Sequence[Path]) -> list[LabelledFeatures]:
    """The images of an idx file and the labels of another.

    Raises:
        DataError: as in `read_idx`, or arrays of other shapes than [N, height, width] and [N].
    """
    images, labels = (read_idx(path) for path in paths)
    if images.ndim != 3 or not images.size or labels.shape != images.shape[:1]:
        raise DataError(
            f"{paths[0]}: expected images [N, height, width] and as many labels; found {images.shape}, {labels.shape}."
        )
    pixels = (images.reshape(len(images), -1, 1) / np.float32(255)).astype(np.float32)
    return [
        LabelledFeatures(image, str(label), row, str(paths[0]))
        for row, (image, label) in enumerate(zip(pixels, labels.tolist(), strict=True), start=1)
    ]


def read_pixel_csv(path: Path | str, largest: float = 255.0) -> list[LabelledFeatures]:
    """The images of a csv file; a pixel of ``largest`` is 1.

    Raises:
        DataError: a line with another number of columns than the first, with fewer than two, or with something that is
            no number from 0 to ``largest``.
    """
    rows: list[LabelledFeatures] = []
    width = 0
    for row, columns in csv_rows(path):
        if columns[0].startswith("#"):
            continue
        place = f"{path}:{row}"
        width = width or len(columns)
        if len(columns) != width or width < 2:
            raise DataError(f"{place}: expected pixels and a class, {width} columns; found {len(columns)}.")
        pixels, label = numbers(columns[:-1], place), columns[-1].strip()
        if pixels.min() < 0 or pixels.max() > largest or not label:
            found = f"{pixels.min():g} to {pixels.max():g} and class {label!r}"
            raise DataError(f"{place}: expected pixels from 0 to {largest:g} and a class, found {found}.")
        rows.append(LabelledFeatures(pixels[:, None] / np.float32(largest), label, row, str(path)))
    if not rows:
        raise DataError(f"{path}: expected a line of pixels and a class for each image, found none.")
    return rows
