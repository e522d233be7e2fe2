"""Cell arrays of matrices of numbers in MATLAB's files of level 5 (``save -v7`` and ``-v6``).

A file is a header of 128 bytes and then elements: a type, a number of bytes, the bytes, and zeros up to a multiple of
eight. A variable is an element, compressed perhaps, whose parts are elements in turn: flags, dimensions, name, and its
numbers, or of a cell array a matrix for each cell. Anything else (objects, functions, structures, sparse matrices) is
passed over where nobody asked for it, and refused where somebody did.

scipy reads all of the format, but believes what a file says of its lengths: damaged ones crash the process.

References:
    MathWorks, MAT-File Format, 2024, chapter 1.
"""

import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import DataError
from seqlab.data.loaders.archives import MOST_BYTES

HEADER_BYTES, LEVEL_5 = 128, 0x0100
MATRIX, COMPRESSED, CELL, COMPLEX = 14, 15, 1, 0x0800
# Types of elements that hold numbers, and classes of matrices that do.
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = range(6, 16)


class Element(NamedTuple):
    """A part of a file.

    Attributes:
        kind: its type, a number of the format's.
        content: its bytes.
    """

    kind: int
    content: memoryview


class Variable(NamedTuple):
    """A matrix of a file.

    Attributes:
        name: what it is called; empty in a cell.
        of_class: the number of its class.
        shape: its dimensions.
        is_complex: whether it has imaginary parts.
        parts: the elements behind its name.
    """

    name: str
    of_class: int
    shape: tuple[int, ...]
    is_complex: bool
    parts: Iterator[Element]


def read_cells(path: Path | str, names: Sequence[str]) -> dict[str, list[np.ndarray]]:
    """The matrices in the cell arrays of these names, column after column.

    Raises:
        DataError: no such file, none of level 5, one that is cut short or damaged, a name that is no cell array, or a
            cell that is no matrix of real numbers.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error
    cells: dict[str, list[np.ndarray]] = {}
    others: list[str] = []
    try:
        order = _order(content)
        for element in _elements(memoryview(content)[HEADER_BYTES:], order):
            variable = _variable(_unfolded(element, order), order)
            if variable.name in names and variable.of_class == CELL and variable.name not in cells:
                cells[variable.name] = _matrices(variable, order)
            else:
                others.append(variable.name)
    except (ValueError, zlib.error) as error:
        raise DataError(f"{path}: expected a MATLAB file of level 5 (save -v7): {error}.") from error
    for name in names:
        if name not in cells:
            known = ", ".join([*cells, *(other for other in others if other)][:20])
            raise DataError(f"{path}: expected the cells {name}; found {known[:200] or 'nothing'}.")
    return cells


def _order(content: bytes) -> str:
    order = {b"IM": "<", b"MI": ">"}.get(content[HEADER_BYTES - 2 : HEADER_BYTES], "")
    if not order or np.frombuffer(content, f"{order}u2", 1, HEADER_BYTES - 4)[0] != LEVEL_5:
        raise ValueError("its header is another one")
    return order


def _elements(content: memoryview, order: str) -> Iterator[Element]:
    place = 0
    while place < len(content):
        if len(content) - place < 8:
            raise ValueError("it ends in an element's head")
        kind, size = np.frombuffer(content, f"{order}u4", 2, place).tolist()
        start, last = place + 8, place + 8 + size
        if kind >> 16:  # A small one: both numbers in four bytes, and four of content.
            kind, size = kind & 0xFFFF, kind >> 16
            start, last = place + 4, place + 8
        if size > len(content) - start or (start == place + 4 and size > 4):
            raise ValueError(f"it ends before the {size} bytes of an element")
        yield Element(kind, content[start : start + size])
        # What is compressed is not followed by zeros.
        place = last if kind == COMPRESSED else last + -last % 8


def _unfolded(element: Element, order: str) -> Element:
    if element.kind != COMPRESSED:
        return element
    unfolding = zlib.decompressobj()
    content = unfolding.decompress(element.content, MOST_BYTES)
    if not unfolding.eof:
        raise ValueError(f"a compressed variable is cut short, or has more than {MOST_BYTES} bytes")
    return _next(_elements(memoryview(content), order))


def _variable(element: Element, order: str) -> Variable:
    if element.kind != MATRIX:
        raise ValueError(f"an element of type {element.kind} stands where a variable should")
    parts = _elements(element.content, order)
    flags, shape, name = (_next(parts) for _ in range(3))
    first = int(_numbers(flags, order)[0]) if len(flags.content) == 8 else 0
    extents = _numbers(shape, order)
    if not first or extents.dtype.kind != "i" or (extents < 0).any():
        raise ValueError("a variable's flags or dimensions are none")
    is_complex = bool(first & COMPLEX)
    return Variable(bytes(name.content).decode("latin-1"), first & 0xFF, tuple(extents.tolist()), is_complex, parts)


def _matrices(variable: Variable, order: str) -> list[np.ndarray]:
    matrices = []
    for number, element in enumerate(variable.parts, start=1):
        cell = _variable(element, order) if len(element.content) else None
        if cell is not None and (cell.of_class not in CLASSES or cell.is_complex):
            raise ValueError(f"{variable.name}:{number} is no matrix of real numbers")
        matrices.append(np.zeros((0, 0)) if cell is None else _matrix(cell, order))
    if len(matrices) != math.prod(variable.shape):
        raise ValueError(f"{variable.name} has {len(matrices)} cells instead of {math.prod(variable.shape)}")
    return matrices


def _matrix(variable: Variable, order: str) -> np.ndarray:
    values = _numbers(_next(variable.parts), order)
    if len(values) != math.prod(variable.shape):
        raise ValueError(f"a matrix has {len(values)} numbers instead of {math.prod(variable.shape)}")
    return values.reshape(variable.shape, order="F")


def _numbers(element: Element, order: str) -> np.ndarray:
    if element.kind not in NUMBERS:
        raise ValueError(f"an element of type {element.kind} stands where numbers should")
    return np.frombuffer(element.content, order + NUMBERS[element.kind])


def _next(elements: Iterator[Element]) -> Element:
    try:
        return next(elements)
    except StopIteration:
        raise ValueError("a variable ends too early") from None
