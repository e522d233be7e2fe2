"""``jax.lax.scan`` over time: one compiled step, whatever T is.

The input projection of all time steps is one large matrix product before the loop; the loop itself holds only what
recurs.
"""

from typing import Any

import jax

from seqlab.core.array_types import Array, Carry, Float, Params
from seqlab.engines.base import Controls, Unrollable, Unrolled, controlled_step


def unroll_scan(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B *F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
    unroll: int = 1,
) -> Unrolled:
    """Scans the cell over time, ``unroll`` steps a turn of the loop, with the product of all inputs before it."""

    def step(carry: Carry, now: Any) -> tuple[Carry, Any]:
        projected, mask, resets = now
        carry, output = controlled_step(cell, params, controls.fresh, carry, projected, mask, resets)
        return carry, (output, carry if return_all_carries else None)

    steps = cell.project(params, inputs), controls.mask, controls.resets
    carry, (outputs, carries) = jax.lax.scan(step, carry, steps, reverse=controls.reverse, unroll=unroll)
    return Unrolled(outputs, carry, carries)
