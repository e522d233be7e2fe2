"""A derivative laid out by hand for the reverse mode, and JAX's own for the forward mode.

``jax.custom_vjp`` gives the first and forbids the second. Here the function has a rule for tangents, whose linear part
d -> L d is JAX's own derivative of it, and that part is told how it is transposed: by hand. What tells it is a system
of linear equations with an obvious solution,

    (1  0) (d)   (d)                            (1  -L^T) (a)   (a')
    (-L 1) (y) = (0),  y = L d,   transposed    (0    1 ) (c) = (c'),  a = a' + L^T c'

since ``jax.lax.custom_linear_solve`` takes a solver for either, and obeys ``vmap``, ``jit``, ``jax.checkpoint`` and
derivatives of derivatives. A gradient runs ``forward`` and ``backward`` and nothing else.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array


def custom_derivative(
    function: Callable[..., Any], forward: Callable[..., tuple[Any, Any]], backward: Callable[[Any, Any], tuple]
) -> Callable[..., Any]:
    """``function``, whose gradients are ``backward``'s, and whose tangents are JAX's own.

    Args:
        function: of pytrees of arrays, differentiable by JAX; returns a pytree of real arrays.
        forward: of the same arguments; returns what ``function`` does, and what ``backward`` needs.
        backward: from that and the gradients by the results to those by all arguments; of leaves that are not real,
            such as masks, it may give anything.

    >>> twice = custom_derivative(lambda x: 2 * x, lambda x: (2 * x, None), lambda _, d: (2 * d,))
    >>> float(jax.grad(twice)(jnp.array(3.0))), float(jax.jvp(twice, (jnp.array(3.0),), (jnp.array(1.0),))[1])
    (2.0, 2.0)
    """
    run = jax.custom_jvp(function)

    @run.defjvp
    def tangent(primals: Any, tangents: Any) -> tuple[Any, Any]:
        results, residuals = forward(*primals)
        leaves, structure = jax.tree.flatten(primals)
        is_real = [jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves]

        def real(tree: Any) -> list[Array]:
            return [leaf for leaf, chosen in zip(jax.tree.leaves(tree), is_real, strict=True) if chosen]

        def of_real(real_leaves: list[Array]) -> Any:
            rest = iter(real_leaves)
            return function(
                *structure.unflatten([next(rest) if r else x for x, r in zip(leaves, is_real, strict=True)])
            )

        def linear(d: list[Array]) -> Any:
            return jax.jvp(of_real, (real(primals),), (d,))[1]

        def equations(unknown: Any) -> Any:
            d, y = _all_or_none(unknown)
            return _all_or_none((d, jax.tree.map(jnp.subtract, y, linear(d))))

        def solve(_: Any, given: Any) -> Any:
            d, y = given
            return d, jax.tree.map(jnp.add, y, linear(d))

        def solve_transposed(_: Any, given: Any) -> Any:
            a, c = given
            return jax.tree.map(jnp.add, a, real(backward(residuals, c))), c

        given = _all_or_none((real(tangents), jax.tree.map(jnp.zeros_like, results)))
        return results, jax.lax.custom_linear_solve(equations, given, solve, solve_transposed)[1]

    return run


def _all_or_none(tree: Any) -> Any:
    """The same numbers, each of which seems to depend on every leaf.

    JAX transposes a linear solve only if all that it is given depends on tangents; zeros that it knows do not. XLA sees
    through this, and nothing is left of it in the compiled program.
    """
    leaves = jax.tree.leaves(tree)
    dtype = leaves[0].dtype
    # Plain operations of ``lax``, as tracing those of ``jnp`` took a quarter of the time that tracing a gradient takes.
    first_of_each = [
        jax.lax.slice(leaf, (0,) * leaf.ndim, (1,) * leaf.ndim).reshape(()).astype(dtype)
        for leaf in leaves
        if leaf.size
    ]
    nothing = jax.lax.full((), 0, dtype)
    nothing = jax.lax.select(np.False_, functools.reduce(jax.lax.add, first_of_each, nothing), nothing)
    return jax.tree.map(lambda leaf: jax.lax.add(leaf, jax.lax.broadcast(nothing.astype(leaf.dtype), leaf.shape)), tree)
