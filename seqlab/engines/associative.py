"""Linear recurrences in log2(T) rounds: ``jax.lax.associative_scan`` over steps instead of a loop over states.

A step h -> a h + b is the pair (a, b), and two steps in a row are one:

    (a, b) then (a', b')  =  (a' a, a' b + b')

Padding is the step (1, 0), which keeps the state. A reset is a step that forgets: (0, a * fresh + b). The state to
start from is applied to the first step. After that no step needs to know where it stands, and all are joined in a tree.

Sums are taken in another order than in a loop, and in another one for each step: so states agree with the loop's to
rounding, and where no step exists the state is not the tree's but looked up at the latest step that does. The tree
costs more arithmetic than the loop and several passes over memory; what it buys is depth log2(T), on accelerators where
a step of a loop takes microseconds whatever it does.

References: Blelloch, Prefix sums and their applications, 1990; Martin and Cundy, Parallelizing linear recurrent neural
nets over sequence length, 2018; resets in the operator: Lu et al., Structured state space models for in-context
reinforcement learning, 2023.
"""

import jax
import jax.numpy as jnp

from seqlab.cells.linear import LinearCell
from seqlab.core.array_types import Array, Bool, Carry, Float, Inexact, Int, Params
from seqlab.core.masks import select, zero_padding
from seqlab.engines.base import Controls, Unrollable, Unrolled


def supports(cell: Unrollable) -> bool:
    """Whether the cell is a linear recurrence."""
    return isinstance(cell, LinearCell)


def unroll_associative(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B *F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
) -> Unrolled:
    """Joins all steps in a tree; the projection before it and the outputs after it are for all time steps at once."""
    assert isinstance(cell, LinearCell)  # ``select`` has asked ``supports``.
    projected = cell.project(params, inputs)
    a, b = jnp.broadcast_arrays(*cell.coefficients(params, projected))
    if controls.resets is not None:
        b = select(controls.resets, a * cell.to_state(controls.fresh) + b, b)
        a = zero_padding(a, ~controls.resets)
    if controls.mask is not None:
        a = select(controls.mask, a, jnp.ones_like(a))
        b = zero_padding(b, controls.mask)
    first, last = (-1, 0) if controls.reverse else (0, -1)
    state = cell.to_state(carry)
    b = b.at[first].add(a[first] * state)
    _, states = jax.lax.associative_scan(_join, (a, b), reverse=controls.reverse)
    outputs = cell.read(params, cell.to_carry(states), projected)
    if controls.mask is not None:
        latest = latest_steps(controls.mask, reverse=controls.reverse)
        states = standing(states, state, controls.mask, latest if return_all_carries else latest[last][None])
    carries = cell.to_carry(states)
    return Unrolled(outputs, jax.tree.map(lambda leaf: leaf[last], carries), carries if return_all_carries else None)


def _join(before: tuple[Array, Array], after: tuple[Array, Array]) -> tuple[Array, Array]:
    """Two steps in a row as one."""
    return after[0] * before[0], after[0] * before[1] + after[1]


def latest_steps(mask: Bool[Array, "T B"], *, reverse: bool) -> Int[Array, "T B"]:
    """The latest step that exists, in the order of running, up to each; one that does not exist where there is none."""
    steps = jnp.arange(len(mask))[:, None]
    if reverse:
        return jax.lax.cummin(jnp.where(mask, steps, len(mask) - 1), axis=0, reverse=True)
    return jax.lax.cummax(jnp.where(mask, steps, 0), axis=0)


def standing(
    states: Inexact[Array, "T B H"], first: Inexact[Array, "B H"], mask: Bool[Array, "T B"], steps: Int[Array, "N B"]
) -> Inexact[Array, "N B H"]:
    """The states that ``steps`` made, and the first one where a step does not exist."""
    made = jnp.take_along_axis(states, steps[..., None], axis=0)
    return select(jnp.take_along_axis(mask, steps, axis=0), made, first)
