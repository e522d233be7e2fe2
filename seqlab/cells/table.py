"""The cells by name: a new one is its file and its line here, and inherits every law, flag and report."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from seqlab.cells.base import Cell
from seqlab.cells.gru import GRUCell, ResetBeforeGRUCell
from seqlab.cells.gru_d import GRUDCell
from seqlab.cells.gru_layer_norm import LayerNormGRUCell
from seqlab.cells.initializers import identity
from seqlab.cells.lru import LRUCell
from seqlab.cells.lstm import LSTMCell
from seqlab.cells.lstm_coupled import CoupledLSTMCell
from seqlab.cells.lstm_layer_norm import LayerNormLSTMCell
from seqlab.cells.lstm_peephole import PeepholeLSTMCell
from seqlab.cells.lstm_projected import ProjectedLSTMCell
from seqlab.cells.mgu import MGUCell
from seqlab.cells.min_gru import MinGRUCell
from seqlab.cells.min_lstm import MinLSTMCell
from seqlab.cells.qrnn import QRNNCell
from seqlab.cells.vanilla import VanillaCell
from seqlab.cells.vanilla_residual import ResidualVanillaCell
from seqlab.core.errors import SeqlabError, unknown_name

CELLS: dict[str, Callable[..., Cell]] = {
    "vanilla": VanillaCell,
    "vanilla_relu": partial(VanillaCell, activation=jax.nn.relu),
    "vanilla_residual": ResidualVanillaCell,
    "irnn": partial(VanillaCell, activation=jax.nn.relu, recurrent_init=identity),
    "gru": GRUCell,
    "gru_reset_before": ResetBeforeGRUCell,
    "gru_d": GRUDCell,
    "gru_layer_norm": LayerNormGRUCell,
    "mgu": MGUCell,
    "lstm": LSTMCell,
    "lstm_peephole": PeepholeLSTMCell,
    "lstm_coupled": CoupledLSTMCell,
    "lstm_projected": ProjectedLSTMCell,
    "lstm_layer_norm": LayerNormLSTMCell,
    "min_gru": MinGRUCell,
    "min_lstm": MinLSTMCell,
    "qrnn": QRNNCell,
    "lru": LRUCell,
}


def make_cell(name: str, features: int, **options: Any) -> Cell:
    """The cell of that name with H = ``features``; ``options`` are attributes of its class.

    Raises:
        SeqlabError: for a name that is not in ``CELLS``, or a width below 1.

    >>> make_cell("lstm", 8, forget_bias=2.0).features
    8
    """
    if name not in CELLS:
        raise unknown_name("cell", name, CELLS)
    if features < 1:
        raise SeqlabError(f"a cell's width must be at least 1; got {features}.")
    return CELLS[name](features, **options)
