"""Flax's cells (``flax.linen``) <-> ours: the same equations; there each gate has a kernel of its own.

    LSTMCell, OptimizedLSTMCell   lstm       ii if ig io, hi hf hg ho; the biases are in h*
    GRUCell                       gru        ir iz in, hr hz hn; the biases are in i*, the candidate's second one in hn
    SimpleCell                    vanilla    i, h; the bias is in i

All with Flax's own activations (``vanilla_relu`` for a SimpleCell made with relu), and SimpleCell without ``residual``.
No leaf is computed, so both round trips are exact. Flax's MGUCell is a GRU with r = z, and not the unit of the paper,
which our ``mgu`` is: it can be read as a ``gru``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqlab.convert.leaves import Arrays, as_arrays, axis_size, cell_params, check_cell_name, check_leaves
from seqlab.core.array_types import Params
from seqlab.core.errors import SeqlabError

# For each cell, Flax's letters of the gates in our order.
GATES: dict[str, tuple[str, ...]] = {
    "vanilla": ("",),
    "vanilla_relu": ("",),
    "irnn": ("",),
    "gru": ("r", "z", "n"),
    "lstm": ("i", "f", "g", "o"),
}
# Which of the two products of a gate has our bias.
BIAS_SIDE = {"vanilla": "i", "vanilla_relu": "i", "irnn": "i", "gru": "i", "lstm": "h"}
MGU_AS_GRU = {"r": "f", "z": "f", "n": "n"}


def from_flax(params: Mapping[str, Any], cell: str) -> Params:
    """Params of our cell from those of Flax's; of a layer ``nn.RNN(cell)``, those under ``cell``.

    Args:
        params: ``variables["params"]`` of Flax's cell.
        cell: our cell's name: vanilla, vanilla_relu, irnn, gru or lstm.

    Raises:
        SeqlabError: a name or a shape is not that of such a cell.

    >>> flax_params = {"i": {"kernel": np.ones((2, 3)), "bias": np.ones(3)}, "h": {"kernel": np.ones((3, 3))}}
    >>> {name: array.shape for name, array in from_flax(flax_params, "vanilla").items()}
    {'input_kernel': (2, 3), 'recurrent_kernel': (3, 3), 'bias': (3,)}
    """
    check_cell_name(cell, list(GATES), "Flax")
    owner = f"Flax's params of a {cell}"
    letters = GATES[cell]
    if cell == "gru" and set(params) == {"if", "hf", "in", "hn"}:
        letters = tuple(MGU_AS_GRU[letter] for letter in letters)
    leaves = _flat(params, owner)
    first = letters[0]
    num_features = axis_size(leaves, f"i{first}/kernel", 0, owner)
    width = axis_size(leaves, f"h{first}/kernel", 0, owner)
    names = _names(cell, letters)
    shapes = {"input_kernel": (num_features, width), "recurrent_kernel": (width, width)}
    check_leaves(leaves, {name: shapes.get(kind, (width,)) for kind, parts in names.items() for name in parts}, owner)
    return {kind: np.concatenate([leaves[name] for name in parts], axis=-1) for kind, parts in names.items()}


def to_flax(params: Params, cell: str) -> dict[str, Any]:
    """Params of Flax's cell from those of ours; the inverse of ``from_flax``.

    Raises:
        SeqlabError: Flax has no equal of the cell, or the params are not those of such a cell.
    """
    check_cell_name(cell, list(GATES), "Flax")
    ours = cell_params(params, cell, f"a {cell}")
    tree: dict[str, Any] = {}
    for kind, parts in _names(cell, GATES[cell]).items():
        for name, array in zip(parts, np.split(ours[kind], len(parts), axis=-1), strict=True):
            gate, leaf = name.split("/")
            tree.setdefault(gate, {})[leaf] = np.array(array, order="C")
    return tree


def _names(cell: str, letters: tuple[str, ...]) -> dict[str, list[str]]:
    """For each leaf of ours, the leaves of Flax's that stand side by side in it."""
    names = {
        "input_kernel": [f"i{letter}/kernel" for letter in letters],
        "recurrent_kernel": [f"h{letter}/kernel" for letter in letters],
        "bias": [f"{BIAS_SIDE[cell]}{letter}/bias" for letter in letters],
    }
    return names | {"recurrent_bias": ["hn/bias"]} if cell == "gru" else names


def _flat(params: Mapping[str, Any], owner: str) -> Arrays:
    wrong = [name for name, gate in params.items() if not isinstance(gate, Mapping)]
    if wrong:
        raise SeqlabError(f"{owner}: expected a dict of arrays for each gate; '{wrong[0]}' is none.")
    by_gate = {gate: as_arrays(leaves, f"{owner}, gate {gate}") for gate, leaves in params.items()}
    return {f"{gate}/{name}": array for gate, leaves in by_gate.items() for name, array in leaves.items()}
