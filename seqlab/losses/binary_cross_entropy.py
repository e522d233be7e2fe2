"""Cross entropy of vectors of independent yes-or-no targets: the keys of a piano, several labels at once.

Each of the K entries has a sigmoid of its own, so a vector's probability is the product of K Bernoulli ones.
"""

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float, Scalar
from seqlab.core.masks import zero_padding
from seqlab.losses.cross_entropy import WeightedSum


def bernoulli_nats(
    logits: Float[Array, "*B K"],
    targets: Float[Array, "*B K"],
    label_smoothing: Scalar = 0.0,
    positive_weight: Scalar = 1.0,
) -> Float[Array, "*B"]:
    """-log P of each vector, in nats: -sum_k [w q_k log s(a_k) + (1 - q_k) log s(-a_k)] with s the sigmoid.

    q = (1 - e) y + e / 2 for a smoothing e; ``positive_weight`` w makes a missed positive count w times.
    """
    smoothed = (1 - label_smoothing) * targets + label_smoothing / 2
    # log s(a) = -softplus(-a) stays finite where the sigmoid itself rounds to 0 or 1.
    missed, false = jax.nn.softplus(-logits), jax.nn.softplus(logits)
    return (positive_weight * smoothed * missed + (1 - smoothed) * false).sum(axis=-1)


def binary_cross_entropy(
    logits: Float[Array, "*B K"],
    targets: Float[Array, "*B K"],
    mask: Bool[Array, "*B"] | None = None,
    label_smoothing: Scalar = 0.0,
    positive_weight: Scalar = 1.0,
) -> WeightedSum:
    """Sum of `bernoulli_nats` over the vectors where ``mask`` holds, and their number.

    The nats of a vector are summed over its K entries, not averaged: for a piano roll they are nats a frame.

    >>> total, weight = binary_cross_entropy(jnp.zeros((1, 3, 88)), jnp.zeros((1, 3, 88)))
    >>> round(float(total / weight / jnp.log(2.0)), 4)  # A bit a key.
    88.0
    """
    # Padding may hold anything on either side, and nan survives a product with zero.
    logits, targets = zero_padding(logits, mask), zero_padding(targets, mask)
    nats = bernoulli_nats(logits, targets, label_smoothing, positive_weight)
    if mask is None:
        return WeightedSum(nats.sum(), jnp.array(nats.size, nats.dtype))
    return WeightedSum(jnp.where(mask, nats, 0.0).sum(), mask.sum(dtype=nats.dtype))
