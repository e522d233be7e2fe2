"""The pinball loss, which quantiles minimise (Koenker and Bassett, 1978)."""

from collections.abc import Sequence

import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float
from seqlab.core.masks import zero_padding
from seqlab.losses.cross_entropy import WeightedSum


def pinball(
    quantiles: Float[Array, "*B K"],
    levels: Sequence[float],
    targets: Float[Array, "*B"],
    mask: Bool[Array, "*B"] | None = None,
) -> WeightedSum:
    """Sum over elements of the mean over levels p of max(p e, (p - 1) e), e = target - quantile.

    Args:
        quantiles: one for each level, on the last axis.
        levels: probabilities p in (0, 1).
        targets: what came.
        mask: which elements exist.

    >>> [round(float(part), 3) for part in pinball(jnp.array([[1.0]]), [0.9], jnp.array([3.0]))]
    [1.8, 1.0]
    """
    errors = zero_padding(targets, mask)[..., None] - zero_padding(quantiles, mask)
    shares = jnp.asarray(levels, errors.dtype)
    losses = jnp.maximum(shares * errors, (shares - 1) * errors).mean(axis=-1)
    weight = jnp.array(losses.size, losses.dtype) if mask is None else mask.sum(dtype=losses.dtype)
    return WeightedSum(losses.sum(), weight)
