"""The plain Python loop over time: the specification that every other engine has to agree with.

Slow to compile (the program grows with T) and slow to run; it is here to be read and to be compared with.
"""

from typing import Any

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Carry, Float, Params
from seqlab.engines.base import Controls, Unrollable, Unrolled, controlled_step


def unroll_loop(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B *F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
) -> Unrolled:
    """Steps through time one step after the other, projecting each input when it is its turn."""
    num_steps = inputs.shape[0]
    outputs: list[Any] = [None] * num_steps
    carries: list[Carry] = [None] * num_steps
    for t in reversed(range(num_steps)) if controls.reverse else range(num_steps):
        mask = None if controls.mask is None else controls.mask[t]
        resets = None if controls.resets is None else controls.resets[t]
        projected = cell.project(params, inputs[t])
        carry, outputs[t] = controlled_step(cell, params, controls.fresh, carry, projected, mask, resets)
        carries[t] = carry
    stacked = jax.tree.map(lambda *steps: jnp.stack(steps), *carries) if return_all_carries else None
    return Unrolled(jnp.stack(outputs), carry, stacked)
