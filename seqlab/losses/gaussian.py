"""The negative log-likelihood of numbers under Gaussians."""

import math

import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float
from seqlab.core.masks import zero_padding
from seqlab.losses.cross_entropy import WeightedSum


def gaussian_nll(
    mean: Float[Array, "*B"],
    log_deviation: Float[Array, "*B"],
    targets: Float[Array, "*B"],
    mask: Bool[Array, "*B"] | None = None,
) -> WeightedSum:
    """Sum of log s + ((target - mean) / s)^2 / 2 + log(2 pi) / 2, s the deviation, where ``mask`` holds; in nats.

    >>> total, weight = gaussian_nll(jnp.zeros(1), jnp.zeros(1), jnp.array([2.0]))
    >>> round(float(total), 4), float(weight)
    (2.9189, 1.0)
    """
    mean, log_deviation, targets = (zero_padding(part, mask) for part in (mean, log_deviation, targets))
    squares = jnp.square((targets - mean) * jnp.exp(-log_deviation))
    nats = log_deviation + 0.5 * squares + 0.5 * math.log(2 * math.pi)
    weight = jnp.array(nats.size, nats.dtype) if mask is None else mask.sum(dtype=nats.dtype)
    return WeightedSum(zero_padding(nats, mask).sum(), weight)
