"""Params in a ``.safetensors`` file: a header in JSON and raw numbers, nothing that a reader could be made to execute.

A leaf's name is its path in the tree, joined by dots as PyTorch's names are: ``stack.layers_0.cell.bias``. The metadata
say that the tree is ours, and in which version of this layout. Files of others are read as flat arrays, which is what
the converters beside this module take.

Types are those of the file format, bfloat16 among them. Complex numbers are refused: no cell has complex params (an
LRU's are pairs of real ones). Needs the library ``safetensors``: pip install 'seqlab[convert]'.
"""

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np

from seqlab.convert.leaves import Arrays, listed
from seqlab.core.array_types import Params
from seqlab.core.errors import DataError, SeqlabError

VERSION_KEY, VERSION = "seqlab_params_version", "1"
# No model is as deep; a file whose names are would exhaust the stack of whoever walks its tree.
MAX_DEPTH = 32
DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(jnp.bfloat16),
    "I64": np.dtype(np.int64),
    "I32": np.dtype(np.int32),
    "I16": np.dtype(np.int16),
    "I8": np.dtype(np.int8),
    "U64": np.dtype(np.uint64),
    "U32": np.dtype(np.uint32),
    "U16": np.dtype(np.uint16),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(np.bool_),
}


def save_params(path: str | Path, params: Params, *, metadata: Mapping[str, str] | None = None) -> None:
    """Writes a tree of params, whole or not at all.

    Args:
        path: the file; one that is there is replaced.
        params: nested dicts of arrays.
        metadata: texts to keep beside them; see ``load_metadata``.

    Raises:
        SeqlabError: the tree has other nodes than dicts, or a leaf is of a type that the format lacks.
    """
    save_arrays(path, dict(_leaves(params, ())), metadata={**(metadata or {}), VERSION_KEY: VERSION})


def load_params(path: str | Path) -> Params:
    """The tree of params that ``save_params`` wrote, as numpy arrays.

    Raises:
        DataError: there is no such file, it is cut or otherwise no safetensors file, or it holds no tree of ours, or
            one with numbers that are not finite.
    """
    arrays, metadata = _read(Path(path))
    if metadata.get(VERSION_KEY) != VERSION:
        found = metadata.get(VERSION_KEY)
        what = "no params of seqlab" if found is None else f"version {found!r}"
        raise DataError(
            f"{path}: expected params of seqlab, layout version {VERSION}; found {what}. Read arrays of others with "
            "load_arrays, and convert them."
        )
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *parents, last = parts = name.split(".")
        if not all(parts) or len(parts) > MAX_DEPTH:
            raise DataError(f"{path}: leaf '{name[:80]}' is no path of at most {MAX_DEPTH} names joined by dots.")
        node = tree
        for part in parents:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                break
        if not isinstance(node, dict) or last in node:
            raise DataError(f"{path}: leaf '{name}' lies in another leaf, or another in it.")
        # A bfloat16 is no floating type to numpy, but to jax.
        if jnp.issubdtype(array.dtype, jnp.floating) and not np.isfinite(array).all():
            raise DataError(
                f"{path}: leaf '{name}' has numbers that are not finite; the file was changed, or diverged."
            )
        node[last] = array
    return tree


def save_arrays(path: str | Path, arrays: Mapping[str, Any], *, metadata: Mapping[str, str] | None = None) -> None:
    """Writes arrays by name, as for another library: ``save_arrays(path, to_torch(params, "lstm"))``.

    Raises:
        SeqlabError: an array is of a type that the format lacks, or the path is a folder.
    """
    rows = {}
    for name, leaf in arrays.items():
        # The library writes the memory as it lies, so a transposed view would come back in disorder.
        rows[name] = np.asarray(leaf, order="C")
        if rows[name].dtype not in DTYPES.values():
            known = ", ".join(str(dtype) for dtype in DTYPES.values())
            raise SeqlabError(f"leaf '{name}' is {rows[name].dtype}; a safetensors file can hold {known}.")
    content = _library().numpy.save(rows, dict(metadata or {}))
    path = Path(path)
    if path.is_dir():
        raise SeqlabError(f"{path}: expected the name of a file to write, found a folder.")
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def load_arrays(path: str | Path) -> Arrays:
    """All arrays of a file by name, whoever wrote it: ``from_torch(load_arrays(path), "lstm", prefix="rnn.")``.

    Raises:
        DataError: there is no such file, it is cut or otherwise no safetensors file, or has a type that numpy lacks.
    """
    return _read(Path(path))[0]


def load_metadata(path: str | Path) -> dict[str, str]:
    """The texts that a file keeps beside its arrays.

    Raises:
        DataError: as ``load_arrays``.
    """
    return _read(Path(path))[1]


def _leaves(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Every leaf with its name."""
    place = ".".join(path) or "the root"
    if isinstance(tree, Mapping):
        if path and not tree:
            raise SeqlabError(f"params: {place} is an empty dict, which a file of arrays cannot hold. Leave it out.")
        for name, child in tree.items():
            if not isinstance(name, str) or not name or "." in name or len(path) >= MAX_DEPTH:
                raise SeqlabError(
                    f"params: expected names without dots, nested at most {MAX_DEPTH} deep; found {name!r} in {place}."
                )
            yield from _leaves(child, (*path, name))
    elif path and hasattr(tree, "shape") and hasattr(tree, "dtype"):
        yield place, tree
    else:
        raise SeqlabError(f"params: expected nested dicts of arrays; found {type(tree).__name__} at {place}.")


def _read(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Arrays, by name in order, and metadata."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no file of that name"
        raise DataError(f"{path}: expected a safetensors file, found {found}.")
    content = path.read_bytes()
    library = _library()
    try:
        entries = dict(library.deserialize(content))
    except library.SafetensorError as error:
        raise DataError(f"{path}: expected a safetensors file; it is cut or something else ({error}).") from error
    unknown = [f"{name} ({entry['dtype']})" for name, entry in entries.items() if entry["dtype"] not in DTYPES]
    if unknown:
        raise DataError(f"{path}: expected types among {', '.join(DTYPES)}; found {listed(sorted(unknown))}.")
    arrays = {
        name: np.frombuffer(entry["data"], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in sorted(entries.items())
    }
    # The library has checked the header: eight bytes of length, and JSON.
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return arrays, header.get("__metadata__") or {}


def _library() -> ModuleType:
    try:
        import_module("safetensors.numpy")  # Here, as most of seqlab works without it.
    except ImportError as error:
        raise SeqlabError("safetensors files need the library of that name: pip install 'seqlab[convert]'.") from error
    return import_module("safetensors")
