"""Masks over time: which steps of a padded batch exist.

A mask is true where a step is real. Padding must not matter, in values and in gradients alike, and ``0 * nan`` is
``nan``: so what is masked is always *selected away* (``where``) and, before it enters a computation, replaced by zeros,
never multiplied by zero afterwards.
"""

from typing import Any

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Int, Shaped


def lengths_to_mask(lengths: Int[Array, "*B"], num_steps: int) -> Bool[Array, "*B T"]:
    """Marks the first ``lengths`` of ``num_steps`` time steps.

    >>> lengths_to_mask(jnp.array([0, 2]), 3).astype(int).tolist()
    [[0, 0, 0], [1, 1, 0]]
    """
    return jnp.arange(num_steps, dtype=lengths.dtype) < lengths[..., None]


def select(mask: Bool[Array, "*mask"], on_true: Any, on_false: Any) -> Any:
    """Leaf by leaf, ``on_true`` where ``mask`` holds and ``on_false`` elsewhere.

    The mask covers the leading axes of every leaf: [B] chooses rows of a carry, [T, B] steps of a sequence.
    """

    def leaf(true: Array, false: Array) -> Array:
        return jnp.where(jnp.expand_dims(mask, range(mask.ndim, jnp.ndim(true))), true, false)

    return jax.tree.map(leaf, on_true, on_false)


def zero_padding(values: Shaped[Array, "..."], mask: Bool[Array, "..."] | None) -> Shaped[Array, "..."]:
    """``values`` with zeros, of value and of gradient, where the mask over their leading axes is false."""
    return values if mask is None else select(mask, values, jnp.zeros_like(values))


def flip_sequences(sequences: Shaped[Array, "T B *F"], lengths: Int[Array, " B"]) -> Shaped[Array, "T B *F"]:
    """Each sequence turned around within its own length; padding stays at the end. Twice is nothing.

    >>> flip_sequences(jnp.arange(4)[:, None], jnp.array([3]))[:, 0].tolist()
    [2, 1, 0, 3]
    """
    steps = jnp.arange(len(sequences), dtype=lengths.dtype)[:, None]
    order = jnp.where(steps < lengths, lengths - 1 - steps, steps)
    return jnp.take_along_axis(sequences, jnp.expand_dims(order, range(2, sequences.ndim)), axis=0)


def reversed_resets(resets: Bool[Array, "T B"], mask: Bool[Array, "T B"] | None) -> Bool[Array, "T B"]:
    """Where a backward pass starts afresh, given where sequences begin in time.

    A reset at t parts the steps before t from those at t and after it. Backward in time the first step beyond that
    border is the one *before* t, so each step takes the reset of the next step in time that exists. Steps are along
    the first axis.
    """
    num_steps = resets.shape[0]
    steps = jnp.arange(num_steps)[:, None]
    exists = jnp.ones_like(resets) if mask is None else mask
    own_index = jnp.where(exists, steps, num_steps)
    at_or_after = jax.lax.cummin(own_index, axis=0, reverse=True)
    after = jnp.concatenate([at_or_after[1:], jnp.full_like(at_or_after[:1], num_steps)])
    beyond_the_end = jnp.zeros_like(resets[:1])
    return jnp.take_along_axis(jnp.concatenate([resets, beyond_the_end]), after, axis=0)
