"""What the tests of wrappers share: small cells of every kind, and engines held against the loop."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import CELLS, Cell, LinearCell, make_cell
from seqlab.engines import unroll
from tests.contracts.cases import jit

B, T, F, H = 3, 4, 3, 5
TOLERANCE = 2e-5
LENGTHS = np.array([4, 0, 2])
RESETS = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]], bool)

KINDS = [name for name in CELLS if name != "irnn"]
NONLINEAR = [name for name in KINDS if not isinstance(make_cell(name, 1), LinearCell)]


def each_kin(cell_names: list[str]) -> list[Any]:
    """One cell of each way to take a step, and the others when slow."""
    kins = {"vanilla", "gru_reset_before", "mgu", "lstm_projected", "min_gru"}
    return [pytest.param(name, marks=() if name in kins else pytest.mark.slow) for name in cell_names]


def normal(seed: int, *shape: int) -> Any:
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def random_like(tree: Any, seed: int) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return structure.unflatten([normal(seed + number, *leaf.shape) for number, leaf in enumerate(leaves)])


def params_of(cell: Cell, seed: int = 1, num_features: int = F) -> Any:
    return random_like(jax.eval_shape(lambda: cell.init_params(jax.random.key(0), num_features)), seed)


def carry_of(cell: Cell, seed: int = 50) -> Any:
    return random_like(jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), (B, F))), seed)


def assert_close(found: Any, expected: Any) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.isfinite(other).all()
        np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)


def unrolled(cell: Cell, params: Any, inputs: Any, reverse: bool = False, **controls: Any) -> Any:
    """``unroll`` in one program."""
    return jit(functools.partial(unroll, cell, reverse=reverse))(params, inputs, **controls)


def results(cell: Cell, params: Any, inputs: Any, engine: str, **options: Any) -> Any:
    """Outputs and last carry, and gradients by params and inputs of a sum in which no two numbers weigh the same."""

    def weighted(params: Any, inputs: Any, options: Any) -> Any:
        found = unroll(cell, params, inputs, engine=engine, **options)
        leaves = jax.tree.leaves((found.outputs, found.carry))
        return sum((leaf * normal(9, *leaf.shape)).sum() for leaf in leaves), (found.outputs, found.carry)

    gradients, found = jit(jax.grad(weighted, argnums=(0, 1), has_aux=True))(params, inputs, options)
    return *found, *gradients


def assert_engines_agree(cell: Cell, params: Any, inputs: Any, engines: list[str], **options: Any) -> Any:
    """Every engine gives what the loop gives, gradients included; returns what that is."""
    expected = results(cell, params, inputs, "loop", **options)
    for engine in engines:
        assert_close(results(cell, params, inputs, engine, **options), expected)
    return expected
