"""Layer normalization (Ba et al., 2016), as the cells that are built on it need it."""

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float


def normalize(x: Float[Array, "*B G"], epsilon: float) -> Float[Array, "*B G"]:
    """(x - mean) / sqrt(variance + epsilon) over the last axis, for each row by itself; gain and bias are the caller's.

    A row of equal numbers gives zeros, whatever ``epsilon`` above 0 is.

    References:
        Ba et al., Layer normalization, 2016.

    >>> normalize(jnp.array([[1.0, 3.0], [5.0, 5.0]]), epsilon=1e-12).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = jnp.square(centred).mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + epsilon)
