"""Recurrent cells: one step of a recurrence each, one file a kin."""

from seqlab.cells.base import Cell
from seqlab.cells.gru import GRUCell, ResetBeforeGRUCell
from seqlab.cells.lstm import LSTMCarry, LSTMCell
from seqlab.cells.table import CELLS, make_cell
from seqlab.cells.vanilla import VanillaCell

__all__ = ["CELLS", "Cell", "GRUCell", "LSTMCarry", "LSTMCell", "ResetBeforeGRUCell", "VanillaCell", "make_cell"]
