"""Ways to unroll a cell over time, one file each, under the same laws; ``unroll`` chooses."""

from seqlab.engines.base import FlaxCell, Unrolled
from seqlab.engines.select import ENGINES, unroll

__all__ = ["ENGINES", "FlaxCell", "Unrolled", "unroll"]
