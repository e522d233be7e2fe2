"""Viterbi's algorithm: the best path through a linear chain of tags.

    best_1 = start + emissions_1
    best_t[j] = emissions_t[j] + max_i (best_{t-1}[i] + between[i, j])

remembers which i it was, and follows that back from the best last tag. It is exact: with transitions that
`seqlab.core.linear_chain.forbid` went over, it is the best of the legal paths.

References:
    Viterbi, Error bounds for convolutional codes and an asymptotically optimum decoding algorithm, 1967.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int
from seqlab.core.linear_chain import Transitions
from seqlab.core.masks import lengths_to_mask, zero_padding


class BestPath(NamedTuple):
    """The best path of each row.

    Attributes:
        tags: its tags, 0 at padding [B, T].
        score: its score; 0 for a row of length 0 [B].
    """

    tags: Int[Array, "B T"]
    score: Float[Array, " B"]


def viterbi(
    emissions: Float[Array, "B T V"], transitions: Transitions, lengths: Int[Array, " B"] | None = None
) -> BestPath:
    """The path of the highest score; of equal ones, that with the lowest tags from the end on.

    >>> transitions = Transitions(jnp.zeros(2), jnp.array([[0.0, -3.0], [0.0, 0.0]]), jnp.zeros(2))
    >>> viterbi(jnp.array([[[1.0, 0.0], [0.0, 2.0]]]), transitions)  # 0 then 1 would be 3 - 3.
    BestPath(tags=Array([[1, 1]], dtype=int32), score=Array([2.], dtype=float32))
    """
    num_rows, num_steps, num_tags = emissions.shape
    mask = None if lengths is None else lengths_to_mask(lengths, num_steps)
    exists = jnp.ones((num_rows, num_steps), bool) if mask is None else mask
    emissions = zero_padding(emissions, mask)
    stay = jnp.arange(num_tags, dtype=jnp.int32)

    def ahead(best: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        emission, exists = now
        through = best[:, :, None] + transitions.between
        came_from = jnp.where(exists[:, None], through.argmax(axis=1).astype(jnp.int32), stay)
        return jnp.where(exists[:, None], emission + through.max(axis=1), best), came_from

    rest = emissions[:, 1:].swapaxes(0, 1), exists[:, 1:].swapaxes(0, 1)
    best, came_from = jax.lax.scan(ahead, transitions.start + emissions[:, 0], rest)
    best += transitions.end

    def back(tag: Array, came_from: Array) -> tuple[Array, Array]:
        return jnp.take_along_axis(came_from, tag[:, None], axis=1)[:, 0], tag

    last = best.argmax(axis=-1).astype(jnp.int32)
    first, later = jax.lax.scan(back, last, came_from, reverse=True)
    tags = jnp.concatenate([first[None], later]).swapaxes(0, 1)
    return BestPath(zero_padding(tags, mask), jnp.where(exists[:, 0], best.max(axis=-1), 0.0))
