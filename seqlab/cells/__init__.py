"""Recurrent cells: one step of a recurrence each, one file a kin."""

from seqlab.cells.base import Cell
from seqlab.cells.gru import GRUCell, ResetBeforeGRUCell
from seqlab.cells.gru_layer_norm import LayerNormGRUCell
from seqlab.cells.linear import LinearCell
from seqlab.cells.lru import LRUCarry, LRUCell
from seqlab.cells.lstm import LSTMCarry, LSTMCell
from seqlab.cells.lstm_coupled import CoupledLSTMCell
from seqlab.cells.lstm_layer_norm import LayerNormLSTMCell
from seqlab.cells.lstm_peephole import PeepholeLSTMCell
from seqlab.cells.lstm_projected import ProjectedLSTMCell
from seqlab.cells.mgu import MGUCell
from seqlab.cells.min_gru import MinGRUCell
from seqlab.cells.min_lstm import MinLSTMCell
from seqlab.cells.qrnn import QRNNCell
from seqlab.cells.table import CELLS, make_cell
from seqlab.cells.vanilla import VanillaCell
from seqlab.cells.vanilla_residual import ResidualVanillaCell

__all__ = [
    "CELLS",
    "Cell",
    "CoupledLSTMCell",
    "GRUCell",
    "LRUCarry",
    "LRUCell",
    "LSTMCarry",
    "LSTMCell",
    "LayerNormGRUCell",
    "LayerNormLSTMCell",
    "LinearCell",
    "MGUCell",
    "MinGRUCell",
    "MinLSTMCell",
    "PeepholeLSTMCell",
    "ProjectedLSTMCell",
    "QRNNCell",
    "ResetBeforeGRUCell",
    "ResidualVanillaCell",
    "VanillaCell",
    "make_cell",
]
