"""Ways to unroll a cell over time, one file each, under the same laws; ``unroll`` chooses."""

from seqlab.engines.base import FlaxCell, Unrolled
from seqlab.engines.newton_report import NewtonReport, unroll_newton_info
from seqlab.engines.select import ENGINES, unroll

__all__ = ["ENGINES", "FlaxCell", "NewtonReport", "Unrolled", "unroll", "unroll_newton_info"]
