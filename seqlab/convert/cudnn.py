"""cuDNN's flat vector of LSTM weights <-> ours, for a stack of layers in one direction or both.

The vector is PyTorch's state dict in a row: W_ih and W_hh of every layer and direction, and then b_ih and b_hh of each.
It is what ``jax.experimental.rnn.lstm`` takes, which knows no other cell. ours -> theirs -> ours is exact to the bit;
theirs -> ours -> theirs up to how the sum of the two biases is shared out.
"""

import math
from typing import Any

import numpy as np

from seqlab.convert.leaves import as_array, is_cell, stacked
from seqlab.convert.torch import from_torch, to_torch
from seqlab.core.array_types import Params
from seqlab.core.errors import SeqlabError

OWNER = "cuDNN's weights of an LSTM"


def from_cudnn(
    weights: Any, num_features: int, hidden_size: int, *, num_layers: int = 1, bidirectional: bool = False
) -> Params:
    """Params of ours from cuDNN's flat vector.

    Args:
        weights: the vector [N].
        num_features: width F of the inputs.
        hidden_size: width H of each layer and direction.
        num_layers: depth L.
        bidirectional: whether each layer runs in both directions.

    Returns:
        numpy arrays in the tree of ``seqlab.layers.Stacked``.

    Raises:
        SeqlabError: the length is not that of such a stack.

    >>> list(from_cudnn(np.ones(4 * 2 * (3 + 2 + 2)), num_features=3, hidden_size=2))
    ['layers_0']
    """
    vector = as_array(weights, "weights", OWNER)
    shapes = _shapes(num_features, hidden_size, num_layers, 2 if bidirectional else 1)
    sizes = [math.prod(shape) for shape in shapes.values()]
    if vector.shape != (sum(sizes),):
        directions = "both directions" if bidirectional else "one direction"
        raise SeqlabError(
            f"{OWNER}: expected {sum(sizes)} numbers in a row for num_features {num_features}, hidden_size "
            f"{hidden_size}, num_layers {num_layers}, {directions}; found shape {vector.shape}."
        )
    pieces = np.split(vector, np.cumsum(sizes)[:-1])
    state_dict = {name: piece.reshape(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
    return from_torch(state_dict, "lstm")


def to_cudnn(params: Params) -> np.ndarray:
    """The flat vector [N] for the params of an ``LSTMCell``, or of a stack of them; the inverse of ``from_cudnn``.

    The second of the two biases is zero.

    Raises:
        SeqlabError: the params are not those of such cells.
    """
    state_dict = to_torch(stacked([[params]]) if is_cell(params) else params, "lstm")
    weights = [array for name, array in state_dict.items() if name.startswith("weight")]
    biases = [array for name, array in state_dict.items() if name.startswith("bias")]
    return np.concatenate([array.reshape(-1) for array in weights + biases])


def _shapes(num_features: int, hidden_size: int, num_layers: int, num_directions: int) -> dict[str, tuple[int, ...]]:
    """PyTorch's names and shapes in cuDNN's order."""
    if min(num_features, hidden_size, num_layers) < 1:
        raise SeqlabError(
            "num_features, hidden_size and num_layers must be at least 1; "
            f"got {num_features}, {hidden_size} and {num_layers}."
        )
    rows = 4 * hidden_size
    weights, biases = {}, {}
    for number in range(num_layers):
        width = num_features if number == 0 else num_directions * hidden_size
        for direction in ("", "_reverse")[:num_directions]:
            suffix = f"_l{number}{direction}"
            weights |= {f"weight_ih{suffix}": (rows, width), f"weight_hh{suffix}": (rows, hidden_size)}
            biases |= {f"bias_ih{suffix}": (rows,), f"bias_hh{suffix}": (rows,)}
    return weights | biases
