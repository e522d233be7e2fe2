"""Linear equations between each time step and the one before it, d_t - J_t d_{t-1} = given_t, all steps at once.

The left side is a function of all d [T, B, S], whose matrices J_t can be read off by S calls; its transpose is of the
same form, with time turned around. With the J_t whole, a tree over the steps solves the equations in one round; with
their diagonals, it solves them up to what the diagonals miss, and the next round solves for that. T rounds always do:
each has one more step right.

Reference: Blelloch, Prefix sums and their applications, 1990.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float

# The left side: from d [T, B, S] to d_t - J_t d_{t-1}.
Bidiagonal = Callable[[Array], Array]


def tolerance(like: Array) -> float:
    """A residual that is nothing but rounding: a sum of products is off by some units in the last place."""
    return 16 * float(jnp.finfo(like.dtype).eps)


def blocks(equations: Bidiagonal, like: Float[Array, "T B S"], diagonal: bool) -> Float[Array, "T B *S"]:
    """The matrices J_t [T, B, S, S] of the equations, or their diagonals [T, B, S].

    A unit vector at every step at once gives one column of every J_t, as no step sees more than the one before it.
    """
    units = jnp.eye(like.shape[-1], dtype=like.dtype)

    def column(unit: Array) -> Array:
        at_every_step = jnp.broadcast_to(unit, like.shape)
        return at_every_step - equations(at_every_step)

    if diagonal:
        # One column after the other, so that no more than the diagonals is ever held.
        entries = jax.lax.map(lambda unit: (column(unit) * unit).sum(axis=-1), units)
        return jnp.moveaxis(entries, 0, -1)
    return jnp.moveaxis(jax.vmap(column)(units), 0, -1)


def join_steps(matrices: Float[Array, "T B *S"], given: Float[Array, "T B S"], reverse: bool) -> Float[Array, "T B S"]:
    """The solution of d_t = J_t d_{t-1} + given_t, all steps joined in a tree."""
    multiply = partial(jnp.matmul, precision="highest")

    def join(before: tuple[Array, Array], after: tuple[Array, Array]) -> tuple[Array, Array]:
        (J, d), (K, e) = before, after
        if J.ndim == d.ndim:
            return K * J, K * d + e
        return multiply(K, J), multiply(K, d[..., None])[..., 0] + e

    return jax.lax.associative_scan(join, (matrices, given), reverse=reverse)[1]


def solve_bidiagonal(
    equations: Bidiagonal, given: Float[Array, "T B S"], reverse: bool, diagonal: bool, max_iterations: int
) -> tuple[Float[Array, "T B S"], Bool[Array, ""]]:
    """The solution of ``equations(d) = given``, and whether it is one.

    With whole blocks that is one round. With diagonals each round solves for what the one before has missed.
    """
    matrices = blocks(equations, given, diagonal)
    if not diagonal:
        solution = join_steps(matrices, given, reverse)
        return solution, jnp.isfinite(solution).all()

    def unsolved(at: tuple[Array, Array, Array]) -> Bool[Array, ""]:
        solution, missed, rounds = at
        return ~small(solution, missed) & (rounds < max_iterations)

    def improve(at: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        solution, missed, rounds = at
        solution = solution + join_steps(matrices, missed, reverse)
        solution = jnp.where(jnp.isfinite(solution), solution, 0)
        return solution, given - equations(solution), rounds + 1

    def small(solution: Array, missed: Array) -> Bool[Array, ""]:
        """Against the largest number of the same sequence: gradients have no scale of their own."""
        largest = jnp.abs(solution).max(axis=(0, 2), keepdims=True)
        return (jnp.abs(missed) <= tolerance(given) * largest).all()

    solution, missed, _ = jax.lax.while_loop(unsolved, improve, (jnp.zeros_like(given), given, jnp.array(0)))
    return solution, small(solution, missed)
