"""The squared error of numbers."""

import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float
from seqlab.core.masks import zero_padding
from seqlab.losses.cross_entropy import WeightedSum


def squared_error(
    predictions: Float[Array, "*B"], targets: Float[Array, "*B"], mask: Bool[Array, "*B"] | None = None
) -> WeightedSum:
    """Sum of (prediction - target)^2 over the elements where ``mask`` holds, without a half before it.

    >>> [float(part) for part in squared_error(jnp.array([1.0, 5.0]), jnp.array([3.0, 5.0]))]
    [4.0, 2.0]
    """
    # Padding may hold anything on either side, and nan survives a product with zero.
    squares = jnp.square(zero_padding(predictions, mask) - zero_padding(targets, mask))
    weight = jnp.array(squares.size, squares.dtype) if mask is None else mask.sum(dtype=squares.dtype)
    return WeightedSum(squares.sum(), weight)
