"""Chrono initialization: gates that start with memories of many lengths, up to a longest one.

A gate that keeps the share f of a memory at each step keeps it for about 1 / (1 - f) steps. With a bias b and inputs
about zero f = sigmoid(b), so that

    b ~ log(U[1, T - 1])     gives memories of 2 to T steps,

where a bias of 0 or 1 gives 2 to 4. For dependencies over T steps the gradient is then there from the first step on. A
gate that keeps takes b, one that writes takes -b.

Not to be confused with a single large forget bias (Jozefowicz et al., 2015), which gives all units the same memory.

References:
    Tallec and Ollivier, Can recurrent neural networks warp time?, 2018.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.cells.gru import GRUCell, ResetBeforeGRUCell
from seqlab.cells.gru_d import GRUDCell
from seqlab.cells.gru_layer_norm import LayerNormGRUCell
from seqlab.cells.lstm import LSTMCell
from seqlab.cells.lstm_coupled import CoupledLSTMCell
from seqlab.cells.lstm_layer_norm import LayerNormLSTMCell
from seqlab.cells.lstm_peephole import PeepholeLSTMCell
from seqlab.cells.lstm_projected import ProjectedLSTMCell
from seqlab.cells.mgu import MGUCell
from seqlab.cells.min_gru import MinGRUCell
from seqlab.cells.min_lstm import MinLSTMCell
from seqlab.cells.qrnn import QRNNCell
from seqlab.core.array_types import Key, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.keys import for_purpose

# For each block of ``bias``: 1 where the gate keeps, -1 where it writes, 0 where it is left as it is.
KEEPS: dict[type[Cell], tuple[int, ...]] = {
    LSTMCell: (-1, 1, 0, 0),
    PeepholeLSTMCell: (-1, 1, 0, 0),
    ProjectedLSTMCell: (-1, 1, 0, 0),
    LayerNormLSTMCell: (-1, 1, 0, 0),
    CoupledLSTMCell: (1, 0, 0),
    GRUCell: (0, 1, 0),
    ResetBeforeGRUCell: (0, 1, 0),
    GRUDCell: (0, 1, 0),
    LayerNormGRUCell: (0, 1, 0),
    MGUCell: (-1, 0),
    MinGRUCell: (-1, 0),
    MinLSTMCell: (1, -1, 0),
    QRNNCell: (0, 1, 0),
}


def with_chrono_biases(cell: Cell, params: Params, key: Key, longest: int) -> Params:
    """Params whose gates start with memories of 2 to ``longest`` steps; cells without such gates stay as they are.

    Args:
        cell: the kind of all cells in ``params``.
        params: params of the cell, or of a model that has it: each dict that holds an ``input_kernel`` is a cell's.
        key: where the lengths are drawn from.
        longest: the longest memory T in steps, at least 2.

    Raises:
        SeqlabError: ``longest`` below 2.

    >>> cell = GRUCell(2)
    >>> params = with_chrono_biases(cell, cell.init_params(jax.random.key(0), 1), jax.random.key(1), 2)
    >>> params["bias"].tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    if longest < 2:
        raise SeqlabError(f"the longest memory must be at least 2 steps; got {longest}.")
    signs = KEEPS.get(type(cell))
    return params if signs is None else _start(params, key, signs, longest)


def _start(tree: Any, key: Key, signs: tuple[int, ...], longest: int) -> Any:
    if not isinstance(tree, Mapping):
        return tree
    if "input_kernel" not in tree:
        return {name: _start(branch, for_purpose(key, name), signs, longest) for name, branch in tree.items()}
    blocks = jnp.split(tree["bias"], len(signs))
    lengths = jax.random.uniform(key, blocks[0].shape, blocks[0].dtype, 1.0, longest - 1.0)
    biases = [sign * jnp.log(lengths) if sign else block for sign, block in zip(signs, blocks, strict=True)]
    return {**tree, "bias": jnp.concatenate(biases)}
