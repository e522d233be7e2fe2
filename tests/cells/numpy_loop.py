"""The oracle of the cells that no other library has: their plain formulas in NumPy, in float64, in a loop over time."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.cells import Cell
from seqlab.engines import unroll
from tests.contracts.cases import jit

B, T, F = 3, 5, 3

# Float32 sums of some tens of products of numbers near 1, over five steps.
TOLERANCE = 2e-6


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def layer_norm(y: np.ndarray, gain: np.ndarray, bias: np.ndarray, epsilon: float) -> np.ndarray:
    mean = y.mean(axis=1, keepdims=True)
    return gain * (y - mean) / np.sqrt(y.var(axis=1, keepdims=True) + epsilon) + bias


def random_like(rng: np.random.Generator, tree: Any, scale: float = 1.0) -> Any:
    """Normal numbers in float64, none of them zero, in the shapes of a tree."""
    return jax.tree.map(lambda leaf: scale * rng.standard_normal(leaf.shape), tree)


def narrow(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), tree)


def assert_is(
    cell: Cell, step: Callable[[Any, Any, np.ndarray], tuple[Any, np.ndarray]], space: tuple[int, ...] = ()
) -> None:
    """The cell's outputs and last carry are those of ``step(params, carry, x) -> (carry, output)`` in a loop.

    Inputs are [B, T, F], with the axes of ``space`` before the last.

    No param is zero, and neither is the first carry, so that nothing which is left out stays hidden.
    """
    rng = np.random.default_rng(0)
    params = random_like(rng, jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F)))
    first = random_like(rng, jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), (B, *space, F))))
    inputs = rng.standard_normal((B, T, *space, F))

    carry, outputs = first, []
    for t in range(T):
        carry, output = step(params, carry, inputs[:, t])
        outputs.append(output)
    run = jit(lambda params, inputs, carry: unroll(cell, params, inputs, initial_carry=carry))
    found = run(narrow(params), narrow(inputs), narrow(first))
    np.testing.assert_allclose(found.outputs, np.stack(outputs, axis=1), rtol=TOLERANCE, atol=TOLERANCE)
    assert jax.tree.structure(found.carry) == jax.tree.structure(first)
    for one, other in zip(jax.tree.leaves(found.carry), jax.tree.leaves(carry), strict=True):
        np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)


def random_step(cell: Cell, seed: int) -> tuple[Any, Any, Any]:
    """Params, a carry and inputs [B, F] in float32, none of them zero."""
    rng = np.random.default_rng(seed)
    params = random_like(rng, jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F)))
    carry = random_like(rng, jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), (B, F))))
    return narrow(params), narrow(carry), narrow(rng.standard_normal((B, F)))


def one_step(cell: Cell, params: Any, carry: Any, x: Any) -> tuple[Any, Any]:
    return jit(functools.partial(projected_step, cell))(params, carry, x)


def projected_step(cell: Cell, params: Any, carry: Any, x: Any) -> tuple[Any, Any]:
    return cell.step(params, carry, cell.project(params, x))


def initial(cell: Cell, name: str) -> Any:
    """What one param of a cell starts from, without drawing the others."""
    initializer, shape = cell.param_specs(F)[name]
    return initializer(jax.random.key(0), shape)


def assert_same(found: Any, expected: Any) -> None:
    """Two trees hold the same numbers, to float32's precision."""
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)
