"""Integrated gradients: how much each input had to do with what a function says of it.

    a_i = (x_i - x'_i) integral_0^1 df/dx_i (x' + s (x - x')) ds

x' is a baseline that says nothing, such as a quarter of every base. They are complete: sum_i a_i = f(x) - f(x'). The
integral is a Gauss-Legendre sum, which is exact for functions that are polynomials in s, and close for smooth ones.

Reference: Sundararajan, Taly and Yan, Axiomatic attribution for deep networks, 2017.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Float
from seqlab.core.errors import SeqlabError


def integrated_gradients(
    function: Callable[[Any], Any],
    inputs: Float[Array, "*I"],
    baseline: Array,
    *,
    num_points: int = 32,
) -> Float[Array, "*I"]:
    """The attributions of the inputs, of their shape.

    Args:
        function: of inputs; its value is one number.
        inputs: what is to be explained.
        baseline: inputs of the same shape that say nothing.
        num_points: points of the path at which the gradient is taken.

    Raises:
        SeqlabError: no points, or a baseline of another shape.

    >>> integrated_gradients(lambda x: x[0] * x[1], jnp.array([2.0, 3.0]), jnp.zeros(2)).round(4).tolist()
    [3.0, 3.0]
    """
    if num_points < 1 or inputs.shape != baseline.shape:
        raise SeqlabError(
            f"expected at least 1 point, and a baseline of shape {inputs.shape}; got {num_points}, {baseline.shape}."
        )
    points, weights = np.polynomial.legendre.leggauss(num_points)
    way = inputs - baseline
    gradient = jax.grad(function)

    def add(total: Array, point: Array) -> tuple[Array, None]:
        share, weight = point
        return total + weight * gradient(baseline + share * way), None

    # From [-1, 1] to [0, 1]; one point after the other, as many sequences at once would need memory for all of them.
    path = jnp.asarray(np.stack([(points + 1) / 2, weights / 2], axis=1), inputs.dtype)
    mean_gradient, _ = jax.lax.scan(add, jnp.zeros_like(inputs), path)
    return way * mean_gradient
