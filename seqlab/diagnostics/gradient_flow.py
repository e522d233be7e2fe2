"""How far a gradient reaches: its norm by the state d steps before the last one, for every distance d.

    |dL/ds_{T-d}|,  with  dL/ds_{T-d} = J_{T-d+1}^T ... J_T^T dL/ds_T   for a loss at the last step

A product of d Jacobians shrinks or grows by a factor a step, so the norm vanishes or explodes exponentially with the
distance (Hochreiter, 1991; Bengio et al., 1994): what happened d steps ago is then too faint to be learned from, or a
step of training is thrown far off. Gates that stay open keep the factor near 1. Clipping scales the gradient of a step
as a whole: it makes an exploding one harmless, and leaves a vanishing one as faint as it is (Pascanu et al., 2013).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Carry, Float, Params, Scalar
from seqlab.core.trees import named_leaves
from seqlab.diagnostics.state_gradients import exists, state_gradients
from seqlab.engines import Unrolled, unroll
from seqlab.engines.base import Unrollable


class Flow(NamedTuple):
    """Norms of the gradient by the states of one layer, by distance.

    Attributes:
        norms: norm over the whole state, d steps before the sequence's last one [B, D], D = T; 0 where none exists.
        parts: the same for each part of the state, as in ``{"c": ..., "h": ...}``; ``h`` where it is one array.
        exists: whether the sequence has a step at that distance [B, D].
    """

    norms: Float[Array, "B D"]
    parts: dict[str, Float[Array, "B D"]]
    exists: Bool[Array, "B D"]


def gradient_flow(
    cell: Unrollable | nn.RNNCellBase,
    params: Params,
    inputs: Float[Array, "B T *F"],
    loss: Callable[[Unrolled], Float[Array, ""]],
    *,
    engine: str = "auto",
    **controls: Any,
) -> Flow:
    """Norms of the gradient of ``loss`` by every state of a cell, by distance.

    Args:
        cell: one of ours, or any ``flax.linen`` cell.
        params: the cell's params.
        inputs: [B, T, F].
        loss: a number made of the outputs and the last carry; a sum over sequences, so that each row's gradient is
            that of its own loss.
        engine: what unrolls; the norms are the same for all, to rounding. They are those of the whole sequence, even
            with an engine that cuts the gradient in training.
        **controls: ``lengths``, ``mask``, ``resets``, ``initial_carry`` and ``reverse``, as for ``unroll``.

    Raises:
        SeqlabError: what ``unroll`` raises.

    References:
        Hochreiter, Untersuchungen zu dynamischen neuronalen Netzen, 1991; Bengio et al., Learning long-term
        dependencies with gradient descent is difficult, 1994; Pascanu et al., On the difficulty of training recurrent
        neural networks, 2013.

    >>> from seqlab.cells import VanillaCell
    >>> params = {"input_kernel": jnp.zeros((1, 1)), "recurrent_kernel": jnp.full((1, 1), 0.5), "bias": jnp.zeros(1)}
    >>> gradient_flow(VanillaCell(1), params, jnp.zeros((1, 4, 1)), lambda u: u.outputs[:, -1].sum()).norms.tolist()
    [[1.0, 0.5, 0.25, 0.125]]
    """
    unrolled = unroll(cell, params, inputs, engine=engine, return_all_carries=True, **controls)
    d_unrolled = jax.grad(lambda unrolled: loss(unrolled._replace(carries=None)))(unrolled)
    gradients = state_gradients(cell, params, inputs, unrolled, d_unrolled, **controls)
    return flow_of(gradients, exists(inputs.shape[1], controls.get("lengths"), controls.get("mask")))


def flow_of(gradients: Carry, mask: Bool[Array, "B T"] | None) -> Flow:
    """The norms of gradients by states, each leaf [B, T, ...], laid out by distance."""
    leaves = {name or "h": leaf.reshape(*leaf.shape[:2], -1) for name, leaf in named_leaves(gradients).items()}
    whole = jnp.concatenate(list(leaves.values()), axis=-1)
    if mask is None:
        mask = jnp.ones(whole.shape[:2], bool)
    parts = {name: by_distance(row_norms(leaf), mask) for name, leaf in leaves.items()}
    return Flow(by_distance(row_norms(whole), mask), parts, by_distance(mask, mask))


def row_norms(rows: Float[Array, "*B H"]) -> Float[Array, "*B"]:
    """Euclidean norms along the last axis, of numbers as small or large as float32 holds.

    Squares are taken of rows divided by their largest entry: that of 1e-23 is 0 in float32, and that of 1e20 infinite.

    >>> (row_norms(jnp.array([[3e-30, 4e-30], [0.0, 0.0]])) * 1e30).round(5).tolist()
    [5.0, 0.0]
    """
    largest = jnp.abs(rows).max(axis=-1, keepdims=True)
    divisor = jnp.where(largest == 0, jnp.ones_like(largest), largest)
    return (jnp.sqrt(jnp.square(rows / divisor).sum(axis=-1, keepdims=True)) * largest)[..., 0]


def by_distance(values: Array, mask: Bool[Array, "B T"]) -> Array:
    """Values [B, T] by the number of steps that exist after theirs; zero, or false, at distances that no step has.

    >>> by_distance(jnp.array([[7, 8, 9]]), jnp.array([[True, True, False]])).tolist()
    [[8, 7, 0]]
    """
    num_steps = values.shape[1]
    distances = jnp.cumsum(mask[:, ::-1], axis=1, dtype=jnp.int32)[:, ::-1] - 1
    rows = jnp.arange(len(values))[:, None]
    columns = jnp.where(mask, distances, num_steps)  # Out of range, so that it is dropped.
    return jnp.zeros_like(values).at[rows, columns].set(values, mode="drop")


def clip_scale(gradient_norm: Float[Array, "*S"], clip_norm: Scalar) -> Float[Array, "*S"]:
    """What clipping by global norm multiplies a gradient by, at every distance alike: min(1, clip_norm / |g|).

    >>> clip_scale(jnp.array([0.5, 4.0]), 1.0).tolist()
    [1.0, 0.25]
    """
    return jnp.where(gradient_norm > clip_norm, clip_norm / gradient_norm, jnp.ones_like(gradient_norm))
