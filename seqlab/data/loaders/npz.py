r"""Arrays of numbers and text in npz archives; nothing in them is unpickled or evaluated.

An npz is a zip archive of npy files: the letters, a version, the length of a header, the header, the numbers.

    \x93NUMPY 1 0 118 {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } ...

numpy's own reader has Python parse that header, and asks for as much memory as it claims. Here the header has to look
so, and the numbers have to be as many as it says.

References:
    https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import math
import re
from pathlib import Path

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.loaders.archives import zipped_files

MAGIC, SUFFIX = b"\x93NUMPY", ".npy"
_HEADER = re.compile(
    r"\{\s*'descr':\s*'([<>|=]?[biufcSU]\d{1,9})',\s*'fortran_order':\s*(True|False),"
    r"\s*'shape':\s*\(((?:\d{1,18}(?:,\s*\d{1,18})*)?),?\s*\),?\s*\}\s*"
)


def read_arrays(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name; arrays of Python objects are refused.

    Raises:
        DataError: no such file, no archive of arrays, or something in it that is no array of numbers or text.
    """
    arrays = {}
    for name, content in zipped_files(path, lambda found: found.endswith(SUFFIX), "arrays (.npy)"):
        try:
            arrays[name.removesuffix(SUFFIX)] = _array(content)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{path}: expected an npz archive of arrays without pickled objects; {name}: {error}."
            ) from error
    if not arrays:
        raise DataError(f"{path}: expected an npz archive of arrays, found none in it.")
    return arrays


def _array(content: bytes) -> np.ndarray:
    width = 2 if content[6:7] == b"\x01" else 4
    if content[:6] != MAGIC or content[6:7] not in (b"\x01", b"\x02", b"\x03"):
        raise ValueError("it is no array")
    start = 8 + width
    end = start + int.from_bytes(content[8:start], "little")
    found = _HEADER.fullmatch(content[start:end].decode("latin-1"))
    if found is None:
        raise ValueError(f"its header is not that of an array of numbers or text: {content[start:end][:80]!r}")
    dtype = np.dtype(found[1])
    shape = tuple(int(extent) for extent in found[3].split(",") if extent.strip())
    needed = math.prod(shape) * dtype.itemsize
    if not dtype.itemsize or needed != len(content) - end:
        raise ValueError(f"its header says {needed} bytes, {shape} of {dtype}, and {len(content) - end} are there")
    array = np.frombuffer(content, dtype, offset=end).reshape(shape, order="F" if found[2] == "True" else "C")
    if dtype.kind == "U":
        for text in array.ravel().tolist():  # A ValueError, where numbers are there that are no characters.
            text.encode("utf-8")
    return array
