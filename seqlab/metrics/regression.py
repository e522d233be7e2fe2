"""How near predicted numbers are."""

import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float
from seqlab.metrics.accumulate import Mean


def share_within(
    predictions: Float[Array, "*B"],
    targets: Float[Array, "*B"],
    tolerance: float,
    mask: Bool[Array, "*B"] | None = None,
) -> Mean:
    """The share of predictions less than ``tolerance`` away from their targets, over those where ``mask`` holds.

    >>> share_within(jnp.array([0.5, 0.7]), jnp.array([0.52, 0.8]), 0.04).compute()
    0.5
    """
    near = jnp.abs(predictions - targets) < tolerance
    if mask is None:
        return Mean(near.sum(dtype=jnp.float32), jnp.array(near.size, jnp.float32))
    return Mean((near & mask).sum(dtype=jnp.float32), mask.sum(dtype=jnp.float32))
