"""Keras's recurrent layers <-> ours, as the lists that ``layer.get_weights()`` gives and ``set_weights`` takes.

    SimpleRNN                     vanilla            kernel, recurrent kernel, bias [H]
    LSTM                          lstm               the same; gates i f c o, which is our order
    GRU                           gru                gates z r h; two biases [2, 3H]
    GRU(reset_after=False)        gru_reset_before   gates z r h; bias [3H]

All with Keras's default activations (``vanilla_relu`` for a SimpleRNN made with relu). Round trips are exact to the
bit, but for theirs -> ours -> theirs with a GRU's two biases of z and r, of which only the sum matters.

A ``keras.layers.Bidirectional`` gives the forward layer's weights and then the backward one's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqlab.convert.leaves import Arrays, as_array, axis_size, cell_params, check_cell_name, check_leaves
from seqlab.core.array_types import Params
from seqlab.core.errors import SeqlabError

# The place of each of Keras's gates in our order, and as these swap two at most, of ours in theirs.
ORDERS: dict[str, tuple[int, ...]] = {
    "vanilla": (0,),
    "vanilla_relu": (0,),
    "irnn": (0,),
    "lstm": (0, 1, 2, 3),
    "gru": (1, 0, 2),
    "gru_reset_before": (1, 0, 2),
}
NAMES = ("kernel", "recurrent_kernel", "bias")


def from_keras(weights: Sequence[Any], cell: str) -> Params:
    """Params of our cell from the weights of a Keras layer.

    Args:
        weights: kernel [F, G], recurrent kernel [H, G] and bias; without a bias (``use_bias=False``) ours is zero.
        cell: our cell's name: vanilla, vanilla_relu, irnn, lstm, gru or gru_reset_before (``reset_after=False``).

    Raises:
        SeqlabError: the number of arrays or a shape is not that of such a layer.

    >>> from_keras([np.ones((3, 2)), np.ones((2, 2)), np.ones(2)], "vanilla")["bias"]
    array([1., 1.])
    """
    check_cell_name(cell, list(ORDERS), "Keras")
    owner = f"the Keras weights of a {cell}"
    if len(weights) not in (2, 3):
        raise SeqlabError(
            f"{owner}: expected kernel, recurrent_kernel and bias; found {len(weights)} arrays. "
            "Those of a Bidirectional layer are the forward layer's and then the backward one's: convert each half."
        )
    arrays = {name: as_array(leaf, name, owner) for name, leaf in zip(NAMES, weights, strict=False)}
    num_features = axis_size(arrays, "kernel", 0, owner)
    width = axis_size(arrays, "recurrent_kernel", 0, owner)
    G = len(ORDERS[cell]) * width
    bias_shape = (2, G) if cell == "gru" else (G,)
    bias = arrays.setdefault("bias", np.zeros(bias_shape, arrays["kernel"].dtype))
    check_leaves(arrays, dict(zip(NAMES, [(num_features, G), (width, G), bias_shape], strict=True)), owner)
    if cell == "gru":
        shared = 2 * width
        of_inputs, of_state = bias
        arrays["bias"] = np.concatenate([(of_inputs + of_state)[:shared], of_inputs[shared:]])
        arrays["recurrent_bias"] = of_state[shared:]
    arrays["input_kernel"] = arrays.pop("kernel")
    ordered = {name: _reorder(arrays[name], cell) for name in ("input_kernel", "recurrent_kernel", "bias")}
    return ordered | {name: array.copy() for name, array in arrays.items() if name not in ordered}


def to_keras(params: Params, cell: str) -> list[np.ndarray]:
    """The weights of a Keras layer from the params of our cell; the inverse of ``from_keras``.

    Raises:
        SeqlabError: Keras has no equal of the cell, or the params are not those of such a cell.
    """
    check_cell_name(cell, list(ORDERS), "Keras")
    ours: Arrays = cell_params(params, cell, f"a {cell}")
    bias = _reorder(ours["bias"], cell)
    if cell == "gru":
        # Minus zero is the zero whose sum with any number is that number, another minus zero included.
        of_state = np.full_like(bias, -0.0)
        of_state[-len(ours["recurrent_bias"]) :] = ours["recurrent_bias"]
        bias = np.stack([bias, of_state])
    return [_reorder(ours["input_kernel"], cell), _reorder(ours["recurrent_kernel"], cell), bias]


def _reorder(gates: np.ndarray, cell: str) -> np.ndarray:
    parts = np.split(gates, len(ORDERS[cell]), axis=-1)
    return np.concatenate([parts[place] for place in ORDERS[cell]], axis=-1)
