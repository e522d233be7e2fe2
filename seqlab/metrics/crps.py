"""The continuous ranked probability score of a forecast, element by element; the absolute error for a point.

    CRPS(P, y) = integral of (P(x <= t) - [y <= t])^2 dt

It is in the units of what is forecast, and the true distribution minimises its expectation.

References:
    Gneiting and Raftery, Strictly proper scoring rules, prediction, and estimation, 2007.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float


def gaussian_crps(
    mean: Float[Array, "*B"], deviation: Float[Array, "*B"], targets: Float[Array, "*B"]
) -> Float[Array, "*B"]:
    """CRPS = s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)) with z = (target - mean) / s.

    >>> round(float(gaussian_crps(jnp.zeros(()), jnp.ones(()), jnp.zeros(()))), 4)
    0.2337
    """
    z = (targets - mean) / deviation
    density = jnp.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return deviation * (z * (2 * jax.scipy.stats.norm.cdf(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))


def quantile_crps(
    quantiles: Float[Array, "*B K"], levels: Sequence[float], targets: Float[Array, "*B"]
) -> Float[Array, "*B"]:
    """An approximation: twice the mean pinball loss over the levels, which the integral over all levels equals.

    >>> quantile_crps(jnp.array([[1.0]]), [0.5], jnp.array([3.0])).tolist()
    [2.0]
    """
    errors = targets[..., None] - quantiles
    shares = jnp.asarray(levels, errors.dtype)
    return 2 * jnp.maximum(shares * errors, (shares - 1) * errors).mean(axis=-1)
