"""What all converters share: arrays out of what a library holds them in, and the names and shapes that are expected.

A cell's params here are named as in ``seqlab.cells``; those of a stack form the tree of ``seqlab.layers.Stacked``:

    {"layers_0": {"cell": {...}}, ...}                                             one direction
    {"layers_0": {"forward": {"cell": {...}}, "backward": {"cell": {...}}}, ...}   both
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from seqlab.cells.table import make_cell
from seqlab.core.array_types import Params
from seqlab.core.errors import SeqlabError, unknown_name

Arrays = dict[str, np.ndarray]

DIRECTIONS = ("forward", "backward")


def as_array(leaf: Any, name: str, owner: str) -> np.ndarray:
    """A copy of one leaf, in its own type; a copy, so that training there cannot change the params here.

    Raises:
        SeqlabError: the leaf is no array of floating type that numpy can read.
    """
    if isinstance(leaf, Mapping):
        raise SeqlabError(f"{owner}: leaf '{name}' should be an array; found a dict with {listed(leaf)}.")
    try:
        array = np.array(leaf, order="C")
    except (TypeError, RuntimeError, ValueError) as error:
        raise SeqlabError(
            f"{owner}: leaf '{name}' cannot be read as a numpy array ({type(leaf).__name__}: {error}). "
            "Detach it, move it to the CPU, and give it a type that numpy has."
        ) from error
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise SeqlabError(f"{owner}: leaf '{name}' should be of floating type; found {array.dtype}.")
    return array


def as_arrays(leaves: Any, owner: str) -> Arrays:
    """Every leaf of one level of a mapping as a numpy array; see ``as_array``."""
    if not isinstance(leaves, Mapping):
        raise SeqlabError(f"{owner}: expected a mapping from names to arrays; found {type(leaves).__name__}.")
    return {str(name): as_array(leaf, str(name), owner) for name, leaf in leaves.items()}


def axis_size(arrays: Mapping[str, np.ndarray], name: str, axis: int, owner: str) -> int:
    """The length of an axis of a leaf that has to be there, with two axes and not empty."""
    if name not in arrays:
        raise SeqlabError(f"{owner}: expected a leaf '{name}'; found {listed(arrays)}.")
    if arrays[name].ndim != 2 or not arrays[name].size:
        raise SeqlabError(
            f"{owner}: leaf '{name}' should have 2 axes of at least 1 each; found shape {arrays[name].shape}."
        )
    return arrays[name].shape[axis]


def check_leaves(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], owner: str) -> None:
    """Holds leaves to the names and shapes that are expected.

    Raises:
        SeqlabError: the first leaf that is absent, not known or of another shape.

    >>> check_leaves({"bias": np.zeros(3)}, {"bias": (4,)}, "the cell")
    Traceback (most recent call last):
    seqlab.core.errors.SeqlabError: the cell: leaf 'bias' should have shape (4,); found (3,).
    """
    for name, shape in shapes.items():
        if name not in arrays:
            raise SeqlabError(f"{owner}: expected a leaf '{name}' of shape {shape}; found {listed(arrays)}.")
    for name, array in arrays.items():
        if name not in shapes:
            raise unknown_name(f"leaf of {owner}", name, shapes)
        if array.shape != shapes[name]:
            raise SeqlabError(f"{owner}: leaf '{name}' should have shape {shapes[name]}; found {array.shape}.")


def cell_params(params: Any, cell: str, owner: str) -> Arrays:
    """Params of a cell of ours as numpy arrays, held to the names and shapes that its class declares."""
    arrays = as_arrays(params, owner)
    num_features = axis_size(arrays, "input_kernel", 0, owner)
    projected = cell == "lstm_projected"
    width = axis_size(arrays, "projection_kernel" if projected else "recurrent_kernel", 0, owner)
    options = {"projection_size": axis_size(arrays, "projection_kernel", 1, owner)} if projected else {}
    specs = make_cell(cell, width, **options).param_specs(num_features)
    check_leaves(arrays, {name: tuple(shape) for name, (_, shape) in specs.items()}, owner)
    return arrays


def stacked(cells: Sequence[Sequence[Params]]) -> Params:
    """The tree of a stack, from the params of each layer's one or two cells.

    >>> stacked([["params"]])
    {'layers_0': {'cell': 'params'}}
    """
    tree = {}
    for number, layer in enumerate(cells):
        wrapped = [{"cell": params} for params in layer]
        tree[f"layers_{number}"] = wrapped[0] if len(wrapped) == 1 else dict(zip(DIRECTIONS, wrapped, strict=True))
    return tree


def unstacked(params: Any, cell: str) -> list[list[Arrays]]:
    """The params of each layer's one or two cells, checked; the inverse of ``stacked``.

    Raises:
        SeqlabError: where the tree is not that of a stack of this cell, naming the place.
    """
    layers = [f"layers_{number}" for number in range(len(params))]
    _check_keys(params, layers, "the stack")
    num_directions = 2 if DIRECTIONS[0] in params["layers_0"] else 1
    cells = []
    for name in layers:
        places = {name: params[name]}
        if num_directions == 2:
            _check_keys(params[name], DIRECTIONS, name)
            places = {f"{name}/{direction}": params[name][direction] for direction in DIRECTIONS}
        for place, layer in places.items():
            _check_keys(layer, ["cell"], place)
        cells.append([cell_params(layer["cell"], cell, f"{place}/cell") for place, layer in places.items()])
    return cells


def is_cell(params: Any) -> bool:
    """Whether these are the params of one cell and not of a stack."""
    return isinstance(params, Mapping) and "input_kernel" in params


def check_cell_name(cell: str, known: Sequence[str], library: str) -> None:
    """Refuses a cell that the library has no equal of."""
    if cell not in known:
        raise unknown_name(f"cell with an equal in {library}", cell, known)


def _check_keys(tree: Any, keys: Sequence[str], owner: str) -> None:
    found = list(tree) if isinstance(tree, Mapping) else [type(tree).__name__]
    if not keys or set(found) != set(keys):
        raise SeqlabError(f"{owner}: expected {', '.join(keys) or 'layers_0'}; found {listed(found)}.")


def listed(names: Iterable[Any]) -> str:
    """The first names of many, for an error.

    >>> listed([])
    'nothing'
    """
    names = list(map(str, names))
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(names[:8]) or "nothing") + more
