"""A stack of recurrent layers, declared by plain values: what every recurrent model has in common."""

from dataclasses import dataclass

from seqlab.cells.table import make_cell
from seqlab.core.errors import SeqlabError
from seqlab.core.precision import product_dtype
from seqlab.engines.select import resolve_engine
from seqlab.layers.recurrent import Bidirectional, Recurrent
from seqlab.layers.stacked import Stacked


@dataclass(frozen=True)
class RecurrentConfig:
    """A stack of recurrent layers.

    Attributes:
        cell: a name in ``seqlab.cells.CELLS``.
        hidden_size: width H of each layer and direction.
        num_layers: depth.
        bidirectional: whether each layer runs in both directions; its outputs are then 2H wide.
        residual: whether a layer's inputs are added to its outputs.
        engine: a name in ``seqlab.engines.ENGINES``, or ``auto``.
        precision: a name in ``seqlab.core.precision.PRECISIONS``, for matrix products.
    """

    cell: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 1
    bidirectional: bool = False
    residual: bool = False
    engine: str = "auto"
    precision: str = "float32"

    def make(self) -> Stacked:
        """The stack as a Flax module."""
        if self.num_layers < 1:
            raise SeqlabError(f"num_layers must be at least 1; got {self.num_layers}.")
        make_layer = self._both_ways if self.bidirectional else self._one_way
        return Stacked(tuple(make_layer() for _ in range(self.num_layers)), residual=self.residual)

    def _one_way(self, reverse: bool = False) -> Recurrent:
        cell = make_cell(self.cell, self.hidden_size, dtype=product_dtype(self.precision))
        resolve_engine(self.engine, cell)  # A pair that does not fit is said here, before anything is compiled.
        return Recurrent(cell, reverse=reverse, engine=self.engine)

    def _both_ways(self) -> Bidirectional:
        return Bidirectional(forward=self._one_way(), backward=self._one_way(reverse=True))
