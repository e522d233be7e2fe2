"""One step after the other, by the engine that does it best: what goes on inside the windows of other engines."""

from seqlab.core.array_types import Carry, Params
from seqlab.engines import fused
from seqlab.engines.base import Controls, Unrollable, Unrolled
from seqlab.engines.scan import unroll_scan
from seqlab.engines.windows import Window


def unroll_window(
    cell: Unrollable, params: Params, carry: Carry, now: Window, controls: Controls, *, return_all_carries: bool
) -> Unrolled:
    """One window, by the ``fused`` engine where it supports the cell, else by ``scan``."""
    engine = fused.unroll_fused if fused.supports(cell) else unroll_scan
    controls = controls._replace(mask=now.mask, resets=now.resets)
    return engine(cell, params, now.inputs, carry, controls, return_all_carries=return_all_carries)
