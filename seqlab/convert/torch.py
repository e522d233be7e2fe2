"""PyTorch's recurrent layers and cells <-> ours, as state dicts: mappings from names to arrays; PyTorch is not needed.

    nn.RNN, nn.GRU, nn.LSTM, with proj_size too    weight_ih_l0, weight_hh_l0, bias_ih_l0, ..., weight_hh_l1_reverse
    nn.RNNCell, nn.GRUCell, nn.LSTMCell            weight_ih, weight_hh, bias_ih, bias_hh

Gates stand in our order there, so kernels are transposed and no more. PyTorch has two biases where a sum of products
needs one: ours is their sum. The GRU's candidate alone keeps both, as the second stands inside the reset. So ours ->
theirs -> ours is exact to the bit, and theirs -> ours -> theirs up to how the sum is shared out.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqlab.convert.leaves import (
    Arrays,
    as_arrays,
    axis_size,
    cell_params,
    check_cell_name,
    check_leaves,
    is_cell,
    listed,
    stacked,
    unstacked,
)
from seqlab.core.array_types import Params
from seqlab.core.errors import SeqlabError

# The number of gates of each cell that PyTorch has an equal of.
GATES = {"vanilla": 1, "vanilla_relu": 1, "irnn": 1, "gru": 3, "lstm": 4, "lstm_projected": 4}
KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
NAME_IN_LAYER = re.compile(rf"({'|'.join(KINDS)})_l(\d+)(_reverse)?")


def from_torch(state_dict: Mapping[str, Any], cell: str, *, prefix: str = "") -> Params:
    """Params of ours from a state dict of PyTorch's.

    Args:
        state_dict: names to arrays or CPU tensors; a module made with ``bias=False`` gives biases of zero.
        cell: our cell's name: vanilla (tanh), vanilla_relu, irnn, gru, lstm, or lstm_projected for ``proj_size``.
        prefix: what the names of this layer begin with in a larger module, such as ``rnn.``; others are left alone.

    Returns:
        numpy arrays of the types they had: the tree of ``seqlab.layers.Stacked`` for a layer, a cell's dict for a cell.

    Raises:
        SeqlabError: a name or a shape is not that of such a layer.

    >>> biases = {"bias_ih": np.ones(2), "bias_hh": np.ones(2)}
    >>> from_torch({"weight_ih": np.ones((2, 3)), "weight_hh": np.ones((2, 2)), **biases}, "vanilla")["bias"]
    array([2., 2.])
    """
    check_cell_name(cell, list(GATES), "PyTorch")
    own = {str(name).removeprefix(prefix): leaf for name, leaf in state_dict.items() if str(name).startswith(prefix)}
    found = [match for match in map(NAME_IN_LAYER.fullmatch, own) if match]
    if not found and "weight_ih" not in own:
        raise SeqlabError(_no_layer(state_dict, prefix))
    owner = f"the state dict of a {cell}"
    arrays = as_arrays(own, owner)
    num_layers, both_ways = len({match[2] for match in found}), any(match[3] for match in found)
    suffixes = _suffixes(num_layers, 2 if both_ways else 1) if found else [[""]]
    check_leaves(arrays, _expected_shapes(arrays, cell, suffixes, owner), owner)
    cells = [[_import_cell(arrays, cell, suffix) for suffix in layer] for layer in suffixes]
    return stacked(cells) if found else cells[0][0]


def to_torch(params: Params, cell: str, *, prefix: str = "") -> Arrays:
    """The state dict of PyTorch's layer or cell with these params; the inverse of ``from_torch``.

    Where ours has one bias, ``bias_ih`` is that and ``bias_hh`` zero. ``load_state_dict`` wants tensors:
    ``{name: torch.from_numpy(array) for name, array in to_torch(params, "lstm").items()}``.

    Args:
        params: of a cell, or the tree of ``seqlab.layers.Stacked``, in one direction or both.
        cell: our cell's name.
        prefix: put before every name.

    Raises:
        SeqlabError: PyTorch has no equal of the cell, or the params are not those of such cells.
    """
    check_cell_name(cell, list(GATES), "PyTorch")
    if is_cell(params):
        layers, suffixes = [[cell_params(params, cell, f"a {cell}")]], [[""]]
    else:
        layers = unstacked(params, cell)
        suffixes = _suffixes(len(layers), len(layers[0]))
    arrays: Arrays = {}
    for layer, layer_suffixes in zip(layers, suffixes, strict=True):
        for own, suffix in zip(layer, layer_suffixes, strict=True):
            arrays |= _export_cell(own, cell, suffix)
    owner = f"the state dict of a {cell}"
    check_leaves(arrays, _expected_shapes(arrays, cell, suffixes, owner), owner)
    return {prefix + name: array for name, array in arrays.items()}


def _suffixes(num_layers: int, num_directions: int) -> list[list[str]]:
    """What the names of each layer's directions end with."""
    directions = ["", "_reverse"][:num_directions]
    return [[f"_l{number}{direction}" for direction in directions] for number in range(num_layers)]


def _expected_shapes(
    arrays: Mapping[str, np.ndarray], cell: str, suffixes: list[list[str]], owner: str
) -> dict[str, tuple[int, ...]]:
    """The names and shapes that go with the widths of the first layer."""
    first = suffixes[0][0]
    num_features = axis_size(arrays, f"weight_ih{first}", 1, owner)
    output_size = axis_size(arrays, f"weight_hh{first}", 1, owner)
    projected = cell == "lstm_projected"
    width = axis_size(arrays, f"weight_hr{first}", 1, owner) if projected else output_size
    rows = GATES[cell] * width
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in suffixes:
        for suffix in layer:
            shapes |= {f"weight_ih{suffix}": (rows, num_features), f"weight_hh{suffix}": (rows, output_size)}
            if any(name.startswith("bias") for name in arrays):
                shapes |= {f"bias_ih{suffix}": (rows,), f"bias_hh{suffix}": (rows,)}
            if projected:
                shapes |= {f"weight_hr{suffix}": (output_size, width)}
        num_features = len(layer) * output_size
    return shapes


def _import_cell(arrays: Mapping[str, np.ndarray], cell: str, suffix: str) -> Arrays:
    weight_ih, weight_hh = arrays[f"weight_ih{suffix}"], arrays[f"weight_hh{suffix}"]
    no_bias = np.zeros(len(weight_ih), weight_ih.dtype)
    bias_ih, bias_hh = (arrays.get(f"{name}{suffix}", no_bias) for name in ("bias_ih", "bias_hh"))
    params = {"input_kernel": weight_ih.T, "recurrent_kernel": weight_hh.T, "bias": bias_ih + bias_hh}
    if cell == "gru":
        shared = len(bias_hh) // 3 * 2
        params["bias"] = np.concatenate([params["bias"][:shared], bias_ih[shared:]])
        params["recurrent_bias"] = bias_hh[shared:]
    if cell == "lstm_projected":
        params["projection_kernel"] = arrays[f"weight_hr{suffix}"].T
    return {name: np.array(array, order="C") for name, array in params.items()}


def _export_cell(params: Arrays, cell: str, suffix: str) -> Arrays:
    bias = params["bias"]
    # Minus zero is the zero whose sum with any number is that number, another minus zero included.
    bias_hh = np.full_like(bias, -0.0)
    if cell == "gru":
        bias_hh[-len(params["recurrent_bias"]) :] = params["recurrent_bias"]
    arrays = {
        "weight_ih": params["input_kernel"].T,
        "weight_hh": params["recurrent_kernel"].T,
        "bias_ih": bias,
        "bias_hh": bias_hh,
    }
    if cell == "lstm_projected":
        arrays["weight_hr"] = params["projection_kernel"].T
    return {f"{name}{suffix}": np.array(array, order="C") for name, array in arrays.items()}


def _no_layer(state_dict: Mapping[str, Any], prefix: str) -> str:
    ends = ("weight_ih_l0", "weight_ih")
    prefixes = sorted({str(name).removesuffix(end) for name in state_dict for end in ends if str(name).endswith(end)})
    where = f"under prefix='{prefix}'" if prefix else "in the state dict"
    hint = f" Try prefix='{prefixes[0]}'." if prefixes else " Is it that of a recurrent layer?"
    return f"expected weight_ih_l0 (of a layer) or weight_ih (of a cell) {where}; found {listed(state_dict)}.{hint}"
