"""Truncated backpropagation through time: windows of K steps, and no gradient across their borders.

    h_t = cell(h_{t-1}, x_t) for all t;   at each border, dh_{t-1} = 0

Outputs and carries are those of ``scan``; the gradient is the sum of the windows' own, each taken with the carry that
it begins with held fixed. So it is biased: no step learns what it is worth to a later window. It is here to be studied,
and for windows of the gradient that are shorter than those of the batch; memory is that of the whole batch.

Padding moves nothing: windows are counted from the start of time, and a row in which a window holds no step passes its
gradient through. The first carry of a row is not cut off, so that windows no shorter than T give the full gradient.

References: Williams and Peng, An efficient gradient-based algorithm for on-line training of recurrent network
trajectories, 1990; its bias: Tallec and Ollivier, Unbiasing truncated backpropagation through time, 2017.
"""

from typing import Any

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Carry, Float, Params
from seqlab.core.masks import select
from seqlab.engines.base import Controls, Unrollable, Unrolled
from seqlab.engines.sequential import unroll_window
from seqlab.engines.windows import Window, scan_windows


def unroll_truncated(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B *F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
    window: int = 64,
) -> Unrolled:
    """Scans over windows of ``window`` steps, and stops the gradient of the carry between them."""

    def run(state: tuple[Carry, Bool[Array, " B"]], now: Window) -> tuple[Any, Any]:
        carry, begun = state
        exists = jnp.ones_like(begun) if now.mask is None else now.mask.any(axis=0)
        carry = select(begun & exists, jax.lax.stop_gradient(carry), carry)
        unrolled = unroll_window(cell, params, carry, now, controls, return_all_carries=return_all_carries)
        return (unrolled.carry, begun | exists), (unrolled.outputs, unrolled.carries)

    steps = Window(inputs, controls.mask, controls.resets)
    nothing_yet = jnp.zeros(inputs.shape[1], bool)
    (carry, _), (outputs, carries) = scan_windows(run, (carry, nothing_yet), steps, window, reverse=controls.reverse)
    return Unrolled(outputs, carry, carries)
