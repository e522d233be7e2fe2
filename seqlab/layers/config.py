"""A stack of recurrent layers, declared by plain values: what every recurrent model has in common."""

from dataclasses import dataclass

from seqlab.cells.chrono import with_chrono_biases
from seqlab.cells.table import make_cell
from seqlab.cells.zoneout import ZoneoutCell
from seqlab.core.array_types import Key, Params
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
        skip_connections: what goes around the layers; a name in ``seqlab.layers.stacked.SKIP_CONNECTIONS``.
        variational_dropout: whether dropout masks are one a sequence, between the layers and in the model around them.
        zoneout_rate: share of the state that keeps its value at a step, in [0, 1]; see ``seqlab.cells.zoneout``.
        learned_carry: whether the first state is learned, instead of zeros.
        engine: a name in ``seqlab.engines.ENGINES``, or ``auto``.
        precision: a name in ``seqlab.core.precision.PRECISIONS``, for matrix products.
        chrono_steps: longest memory that the gates start with, see ``seqlab.cells.chrono``; 0 for the cell's own start.
    """

    cell: str = "lstm"
    hidden_size: int = 128
    num_layers: int = 1
    bidirectional: bool = False
    skip_connections: str = "none"
    variational_dropout: bool = False
    zoneout_rate: float = 0.0
    learned_carry: bool = False
    engine: str = "auto"
    precision: str = "float32"
    chrono_steps: int = 0

    @property
    def output_size(self) -> int:
        """Width of what the stack hands out."""
        of_layer = make_cell(self.cell, self.hidden_size).output_size * (2 if self.bidirectional else 1)
        return of_layer * (self.num_layers if self.skip_connections == "dense" else 1)

    def make(self, input_blocks: int = 1) -> Stacked:
        """The stack as a Flax module, for inputs of so many blocks as ``Cell.input_blocks`` counts them."""
        blocks = make_cell(self.cell, self.hidden_size).input_blocks
        if blocks != 1 and (blocks != input_blocks or self.num_layers > 1):
            raise SeqlabError(
                f"cell '{self.cell}' reads values with gaps: what was last seen, whether it is new, and how old it is. "
                "Expected --num_layers=1, with --task=forecasting --gaps=mask (--difference=none or last) or with "
                "--task=filtering and a --missing_rate."
            )
        if self.num_layers < 1:
            raise SeqlabError(f"num_layers must be at least 1; got {self.num_layers}.")
        if not 0 <= self.zoneout_rate <= 1:
            raise SeqlabError(f"zoneout_rate must lie in [0, 1]; got {self.zoneout_rate}.")
        make_layer = self._both_ways if self.bidirectional else self._one_way
        layers = tuple(make_layer() for _ in range(self.num_layers))
        return Stacked(layers, self.skip_connections, self.variational_dropout)

    def start_gates(self, params: Params, key: Key) -> Params:
        """The params of a model with these layers, their gates started as ``chrono_steps`` says."""
        if not self.chrono_steps:
            return params
        return with_chrono_biases(make_cell(self.cell, self.hidden_size), params, key, self.chrono_steps)

    def _one_way(self, reverse: bool = False) -> Recurrent:
        dtype = product_dtype(self.precision)
        cell = make_cell(self.cell, self.hidden_size, dtype=dtype, learned_carry=self.learned_carry)
        # A pair that does not fit is said here, before anything is compiled.
        resolve_engine(self.engine, ZoneoutCell(cell=cell, parent=None) if self.zoneout_rate else cell)
        return Recurrent(cell, reverse=reverse, engine=self.engine, zoneout_rates=self.zoneout_rate)

    def _both_ways(self) -> Bidirectional:
        return Bidirectional(forward=self._one_way(), backward=self._one_way(reverse=True))
