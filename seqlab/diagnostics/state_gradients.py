"""The gradient of a loss by the state at every step, for any cell and whatever engine has unrolled it.

Back-propagation through time, written out (Werbos, 1990): with s_t the state after step t, y_t the output, and
(s_{t+1}, y_{t+1}) = step(s_t, x_{t+1}),

    dL/ds_t = (ds_{t+1}/ds_t)^T dL/ds_{t+1} + (dy_t/ds_t)^T dL/dy_t

The engines compute these gradients too but hand out none of them. Here they are accumulated from the states that an
engine returned, with the derivative that JAX makes of one step; so no engine has to know of it, and a run that asks for
no diagnostics pays nothing.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.cells.linear import LinearCell
from seqlab.core.array_types import Array, Bool, Carry, Float, Int, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.masks import lengths_to_mask, reversed_resets, zero_padding
from seqlab.engines.base import FlaxCell, Unrollable, Unrolled, controlled_step


class Walk(NamedTuple):
    """An unrolled cell, one entry a step, in the order of time; time is the first axis.

    Attributes:
        cell: the cell.
        fresh: the state to start from after a reset, each leaf [B, ...].
        projected: the projected inputs [T, B, G].
        mask: where a step exists [T, B], or ``None``.
        resets: before which steps, in the order of running, the state starts afresh [T, B], or ``None``.
        before: the state that each step began from, each leaf [T, B, ...].
    """

    cell: Unrollable
    fresh: Carry
    projected: Float[Array, "..."]
    mask: Bool[Array, "T B"] | None
    resets: Bool[Array, "T B"] | None
    before: Carry


def state_gradients(
    cell: Unrollable | nn.RNNCellBase,
    params: Params,
    inputs: Float[Array, "B T *F"],
    unrolled: Unrolled,
    d_unrolled: Unrolled,
    *,
    lengths: Int[Array, " B"] | None = None,
    mask: Bool[Array, "B T"] | None = None,
    resets: Bool[Array, "B T"] | None = None,
    initial_carry: Carry = None,
    reverse: bool = False,
) -> Carry:
    """The gradient by each state, dL/ds_t, through every path from it to the loss.

    Each leaf of the state is moved alone: that by an LSTM's c_t holds h_t fixed. Where the output is a part of the
    state (or is read from it, in a linear recurrence), its own gradient dL/dy_t is a path like any other; in a foreign
    cell whose output is neither, only what follows the step is counted.

    Args:
        cell: the cell that was unrolled.
        params: its params.
        inputs: its inputs [B, T, F].
        unrolled: what ``unroll`` gave for them with ``return_all_carries=True``, by any engine.
        d_unrolled: the gradient of the loss by that, as ``jax.vjp`` or ``jax.grad`` gives it; ``carries`` may be None.
        lengths: as they were given to ``unroll``; so are all arguments below.
        mask: where a step exists.
        resets: where a new sequence begins.
        initial_carry: the state before the first step.
        reverse: whether time ran backward.

    Returns:
        A tree like the state, each leaf [B, T, ...]; zeros where no step exists.

    Raises:
        SeqlabError: where ``unrolled`` has no carries.

    References:
        Werbos, Backpropagation through time: what it does and how to do it, 1990.
    """
    controls: dict[str, Any] = {"lengths": lengths, "mask": mask, "resets": resets}
    walk = walk_of(cell, params, inputs, unrolled, initial_carry=initial_carry, reverse=reverse, **controls)
    states, d_outputs, d_states = swap_time((unrolled.carries, d_unrolled.outputs, d_unrolled.carries))
    if d_states is None:
        d_states = jax.tree.map(jnp.zeros_like, states)
    d_outputs = zero_padding(d_outputs, walk.mask)
    direct = _through_outputs(walk, params, states, d_outputs)

    def back(later: Carry, at: Any) -> tuple[Carry, Carry]:
        before, now, d_output, d_here = at
        _, pull_back = jax.vjp(lambda state: controlled_step(walk.cell, params, walk.fresh, state, *now), before)
        # Without the path from s_t to y_t, which is added at the end: here dL/dy_t is handed to the step as a whole.
        gradient = jax.tree.map(jnp.add, later, d_here)
        return pull_back((gradient, d_output))[0], gradient

    steps = walk.before, (walk.projected, walk.mask, walk.resets), d_outputs, d_states
    _, gradients = jax.lax.scan(back, d_unrolled.carry, steps, reverse=not reverse)
    gradients = jax.tree.map(jnp.add, gradients, direct)
    return swap_time(jax.tree.map(lambda leaf: zero_padding(leaf, walk.mask), gradients))


def walk_of(
    cell: Unrollable | nn.RNNCellBase,
    params: Params,
    inputs: Float[Array, "B T *F"],
    unrolled: Unrolled,
    *,
    lengths: Int[Array, " B"] | None = None,
    mask: Bool[Array, "B T"] | None = None,
    resets: Bool[Array, "B T"] | None = None,
    initial_carry: Carry = None,
    reverse: bool = False,
) -> Walk:
    """What each step was given; the arguments are those of ``state_gradients``."""
    if unrolled.carries is None:
        raise SeqlabError("the states are needed, got None; unroll with return_all_carries=True.")
    if not isinstance(cell, (Cell, FlaxCell)):
        cell = FlaxCell(cell)
    mask = exists(inputs.shape[1], lengths, mask)
    inputs, mask, resets, states = swap_time((inputs, mask, resets, unrolled.carries))
    if reverse and resets is not None:
        resets = reversed_resets(resets, mask)
    fresh = cell.fresh_carry(params, inputs.shape[1:])
    first = jax.tree.leaves(fresh if initial_carry is None else initial_carry)
    leaves, structure = jax.tree.flatten(states)
    shift = _after_the_next if reverse else _before_the_last
    before = structure.unflatten([shift(one, leaf) for one, leaf in zip(first, leaves, strict=True)])
    return Walk(cell, fresh, cell.project(params, zero_padding(inputs, mask)), mask, resets, before)


def exists(
    num_steps: int, lengths: Int[Array, " B"] | None, mask: Bool[Array, "B T"] | None
) -> Bool[Array, "B T"] | None:
    """Where a step exists by lengths and mask together; ``None`` where neither is given."""
    if lengths is None:
        return mask
    within = lengths_to_mask(lengths, num_steps)
    return within if mask is None else mask & within


def swap_time(tree: Any) -> Any:
    """Batch-major leaves time-major, and back."""
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), tree)


def _before_the_last(first: Array, states: Array) -> Array:
    return jnp.concatenate([first[None], states[:-1]])


def _after_the_next(first: Array, states: Array) -> Array:
    return jnp.concatenate([states[1:], first[None]])


def _through_outputs(walk: Walk, params: Params, states: Carry, d_outputs: Float[Array, "..."]) -> Carry:
    """(dy_t/ds_t)^T dL/dy_t at every step, where y_t is read from s_t or is a leaf of it."""
    cell = walk.cell
    if isinstance(cell, LinearCell):
        return jax.vjp(lambda state: cell.read(params, state, walk.projected), states)[1](d_outputs)[0]
    is_output: list[bool] = []

    def step(carry: Carry, projected: Array) -> Any:
        carry, output = cell.step(params, carry, projected)
        is_output.extend(leaf is output for leaf in jax.tree.leaves(carry))
        return carry, output

    jax.eval_shape(step, walk.fresh, walk.projected[0])
    leaves, structure = jax.tree.flatten(states)
    return structure.unflatten(
        [d_outputs if same else jnp.zeros_like(leaf) for same, leaf in zip(is_output, leaves, strict=True)]
    )
