"""What the laws hold for, and one small example of each: every cell and every engine that is in a table.

All laws use the same few shapes, so that each program is compiled once, and params without a zero in them: a cell whose
bias is ignored would pass with the biases that it starts from. Axes differ in size, so that none passes for another.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import CELLS, make_cell
from seqlab.engines import Unrolled, unroll
from seqlab.engines.select import supported_engines

# IRNN is vanilla_relu with other first params, which the laws draw for themselves.
CELL_NAMES = sorted(CELLS.keys() - {"irnn"})
# Cells of one kin differ in a few lines. By default all are held to the laws on the engines that they run on, against
# each sequence alone; the loop engine, which is slow to compile, is tried with one of each kin, and with all when slow.
KINS = {"vanilla", "gru", "gru_reset_before", "lstm", "lru"}
PAIRS = [(name, engine) for name in CELL_NAMES for engine in sorted(supported_engines(make_cell(name, 1)))]
for_all_pairs = pytest.mark.parametrize(
    ("cell_name", "engine"),
    [
        pytest.param(name, engine, marks=pytest.mark.slow if engine == "loop" and name not in KINS else ())
        for name, engine in PAIRS
    ],
)
for_both_directions = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])

B, T, F, H = 5, 4, 3, 6

# Sums of some tens of float32 products of numbers near 1, in another order: a few times 1e-6.
TOLERANCE = 1e-5

# The programs of the tests run a handful of tiny calls each, so compiling is what they cost.
UNOPTIMIZED = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
jit = functools.partial(jax.jit, compiler_options=UNOPTIMIZED)


class Example(NamedTuple):
    """A cell's params, inputs [B, T, F], first carry, and the weights of a sum of everything that it returns.

    The leaves are numpy arrays, which are cut and joined without compiling anything.
    """

    params: Any
    inputs: Any
    carry: Any
    weights: Unrolled


class Gradients(NamedTuple):
    """Derivatives of that weighted sum."""

    params: Any
    inputs: Any
    carry: Any


def random_like(tree: Any, seed: int, scale: float = 1.0) -> Any:
    """A tree of normal numbers, as numpy arrays, in the shapes and types of ``tree``."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: (scale * rng.standard_normal(leaf.shape)).astype(leaf.dtype), tree)


def random_params(cell: Any, seed: int) -> Any:
    shapes = jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F))
    return random_like(shapes, seed, scale=0.5)


@functools.cache
def example(cell_name: str, **options: Any) -> Example:
    cell = make_cell(cell_name, H, **options)
    params = random_params(cell, seed=1)
    inputs = random_like(jax.ShapeDtypeStruct((B, T, F), cell.param_dtype), seed=2)
    carry = random_like(jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), (B, F))), seed=3, scale=0.5)
    shapes = jax.eval_shape(lambda *args: unrolled_from(cell, *args, return_all_carries=True), params, inputs, carry)
    return Example(params, inputs, carry, random_like(shapes, seed=4))


def unrolled_from(cell: Any, params: Any, inputs: Any, carry: Any, **options: Any) -> Unrolled:
    """``unroll`` with the first carry among the positional arguments, as derivatives by it are wanted."""
    params, inputs, carry = jax.tree.map(jnp.asarray, (params, inputs, carry))
    return unroll(cell, params, inputs, initial_carry=carry, **options)


def with_gradients(run: Any, given: Example) -> tuple[Unrolled, Gradients]:
    """What ``run(params, inputs, carry)`` returns, and the derivatives of the sum that the weights make of it."""
    given = jax.tree.map(jnp.asarray, given)
    unrolled, pull_back = jax.vjp(run, given.params, given.inputs, given.carry)
    return unrolled, Gradients(*pull_back(given.weights))


@functools.cache
def compiled(cell_name: str, engine: str, reverse: bool) -> Any:
    """One program for all cases of a cell, an engine and a direction: (example, controls) -> (unrolled, gradients)."""
    cell = make_cell(cell_name, H)
    options = {"engine": engine, "reverse": reverse, "return_all_carries": True}

    @jit
    def program(given: Example, controls: dict[str, Any]) -> Any:
        return with_gradients(functools.partial(unrolled_from, cell, **options, **controls), given)

    def call(given: Example, *, lengths: Any = None, mask: Any = None, resets: Any = None) -> Any:
        results = program(given, full_controls(given.inputs.shape[:2], lengths, mask, resets))
        return jax.tree.map(np.asarray, results)

    return call


def full_controls(shape: tuple[int, int], lengths: Any = None, mask: Any = None, resets: Any = None) -> dict[str, Any]:
    """Lengths, mask and resets as arrays, with those that do nothing where none are given."""
    return {
        "lengths": jnp.asarray(np.full(shape[0], shape[1]) if lengths is None else lengths, jnp.int32),
        "mask": jnp.asarray(np.ones(shape) if mask is None else mask, bool),
        "resets": jnp.asarray(np.zeros(shape) if resets is None else resets, bool),
    }


def rows(tree: Any, chosen: Any) -> Any:
    """Some rows of every leaf."""
    return jax.tree.map(lambda leaf: leaf[chosen], tree)


def steps(tree: Any, chosen: Any) -> Any:
    """Some time steps of every leaf."""
    return jax.tree.map(lambda leaf: leaf[:, chosen], tree)


def in_time(given: Example, chosen: Any) -> Example:
    """The example with some of its time steps alone, or in another order."""
    weights = given.weights
    weights = Unrolled(steps(weights.outputs, chosen), weights.carry, steps(weights.carries, chosen))
    return given._replace(inputs=steps(given.inputs, chosen), weights=weights)


def assert_close(found: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    """Both trees have the same leaves, to within the tolerance, and all are finite."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for (path, one), other in zip(jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves(expected), strict=True):
        name = jax.tree_util.keystr(path)
        assert np.isfinite(other).all(), name
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=name)


def assert_equal(found: Any, expected: Any) -> None:
    """Both trees have the same leaves, bit for bit, and all are finite."""
    assert_close(found, expected, tolerance=0)
