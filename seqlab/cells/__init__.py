"""Recurrent cells: one step of a recurrence each, one file a kin."""

from seqlab.cells.base import Cell
from seqlab.cells.conv_gru import ConvGRUCell
from seqlab.cells.conv_lstm import ConvLSTMCell
from seqlab.cells.convolutional import ConvolutionalCell
from seqlab.cells.gru import GRUCell, ResetBeforeGRUCell
from seqlab.cells.gru_d import GRUDCell
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
from seqlab.cells.variational import drop_features, variational_mask, with_state_mask
from seqlab.cells.weight_drop import drop_weights
from seqlab.cells.zoneout import ZoneoutCell, zoneout_noise

__all__ = [
    "CELLS",
    "Cell",
    "ConvGRUCell",
    "ConvLSTMCell",
    "ConvolutionalCell",
    "CoupledLSTMCell",
    "GRUCell",
    "GRUDCell",
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
    "ZoneoutCell",
    "drop_features",
    "drop_weights",
    "make_cell",
    "variational_mask",
    "with_state_mask",
    "zoneout_noise",
]
