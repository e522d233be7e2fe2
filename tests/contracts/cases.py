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

from seqlab.cells import CELLS, Cell, ConvGRUCell, ConvLSTMCell, make_cell
from seqlab.engines import Unrolled, pallas, unroll
from seqlab.engines.select import OTHER_GRADIENTS, supported_engines

B, T, F, H = 5, 4, 3, 6

# Cells over space stand in no table, as they take other inputs than the rest, [B, T, *S, F]: name -> cell, S.
OVER_SPACE = {
    "conv_gru_1d": (functools.partial(ConvGRUCell, kernel_size=(2,)), (2,)),
    "conv_lstm_1d": (functools.partial(ConvLSTMCell, kernel_size=(3,)), (7,)),
    "conv_lstm_2d": (functools.partial(ConvLSTMCell, kernel_size=(2, 2)), (2, 7)),
}


def make(cell_name: str, **options: Any) -> Cell:
    """The cell of that name, H wide."""
    return OVER_SPACE[cell_name][0](H, **options) if cell_name in OVER_SPACE else make_cell(cell_name, H, **options)


def inputs_shape(cell_name: str, *leading: int) -> tuple[int, ...]:
    """The leading axes, then those of space where the cell has any, then F."""
    return (*leading, *(OVER_SPACE[cell_name][1] if cell_name in OVER_SPACE else ()), F)


def fresh_carry(cell_name: str, batch_size: int = B) -> Any:
    """The state that the cell starts from."""
    return make(cell_name).initialize_carry(jax.random.key(0), inputs_shape(cell_name, batch_size))


# IRNN is vanilla_relu with other first params, which the laws draw for themselves.
CELL_NAMES = sorted(CELLS.keys() - {"irnn"} | OVER_SPACE.keys())
# Cells of one kin differ in a few lines. By default the loop engine, which is slow to compile, is tried with one of
# each kin, and so are all engines under the laws that need programs of their own; with all cells when slow.
KINS = {"vanilla", "gru", "gru_reset_before", "lstm", "lru"}
# A cell over space is another cell's step on windows; so one of them is enough, on the engine that is chosen for it.
SLOW_CELLS = OVER_SPACE.keys() - {"conv_lstm_2d"}
# Without jit each operation is traced and compiled by itself, so one cell of each engine is tried by default.
WITHOUT_JIT = {("lstm", "loop"), ("lstm", "scan"), ("gru", "fused"), ("lru", "associative")}
# T is 4: windows that have more than one, and a shorter one at the end.
SPELLED = {"checkpointed": "checkpointed:3", "truncated": "truncated:2"}
# These run another engine in windows, or take long to compile: by default they are held to the first law alone, which
# has padding, holes, resets, both directions and all gradients in it, and with these cells; to all laws when slow.
FIRST_LAW_ALONE = {
    "checkpointed:3": {"vanilla", "gru_reset_before", "lstm"},
    "truncated:2": {"lstm"},
    "newton": {"vanilla", "lstm"},
    "quasi_newton": {"gru"},
    "pallas:interpreted": set(),  # There are quick ones in its own tests.
}
FIRST_LAW = {**FIRST_LAW_ALONE, "scan": {"conv_lstm_2d"}}
# Not in the library's table, as nobody wants it but for this.
INTERPRETED = {"pallas:interpreted": functools.partial(pallas.unroll_pallas, interpret=True)}
PAIRS = [(name, SPELLED.get(engine, engine)) for name in CELL_NAMES for engine in sorted(supported_engines(make(name)))]
PAIRS += [(name, engine) for name in CELL_NAMES for engine in INTERPRETED if pallas.supports(make(name))]


def quick_if(quick: bool, *values: Any) -> Any:
    """One case of a parametrized test, which is run by default only where it is quick."""
    return pytest.param(*values, marks=() if quick else pytest.mark.slow)


def is_slow(name: str, engine: str) -> bool:
    """Whether a cell is not tried on an engine by default."""
    if engine in FIRST_LAW_ALONE:
        return True
    if name in OVER_SPACE:
        return name in SLOW_CELLS or engine != "fused"
    return engine == "loop" and name not in KINS


for_all_cells = pytest.mark.parametrize(
    "cell_name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW_CELLS else ()) for name in CELL_NAMES]
)
for_all_pairs = pytest.mark.parametrize(
    ("cell_name", "engine"), [quick_if(not is_slow(name, engine), name, engine) for name, engine in PAIRS]
)
for_a_pair_of_each_kin = pytest.mark.parametrize(
    ("cell_name", "engine"),
    [quick_if(not is_slow(name, engine) and name in KINS | OVER_SPACE.keys(), name, engine) for name, engine in PAIRS],
)
for_a_pair_without_jit = pytest.mark.parametrize(
    ("cell_name", "engine"), [quick_if(pair in WITHOUT_JIT, *pair) for pair in PAIRS]
)
for_the_first_law = pytest.mark.parametrize(
    ("cell_name", "engine"),
    [quick_if(not is_slow(name, engine) or name in FIRST_LAW.get(engine, ()), name, engine) for name, engine in PAIRS],
)
for_both_directions = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])

# Sums of some tens of float32 products of numbers near 1, in another order: a few times 1e-6.
TOLERANCE = 1e-5

# The programs of the tests run a handful of tiny calls each, so compiling is what they cost.
UNOPTIMIZED = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
jit = functools.partial(jax.jit, compiler_options=UNOPTIMIZED)


class Example(NamedTuple):
    """A cell's params, inputs [B, T, ..., F], first carry, and the weights of a sum of everything that it returns.

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
    cell = make(cell_name, **options)
    params = random_params(cell, seed=1)
    inputs = random_like(jax.ShapeDtypeStruct(inputs_shape(cell_name, B, T), cell.param_dtype), seed=2)
    shape = inputs_shape(cell_name, B)
    carry = random_like(jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), shape)), seed=3, scale=0.5)
    shapes = jax.eval_shape(lambda *args: unrolled_from(cell, *args, return_all_carries=True), params, inputs, carry)
    return Example(params, inputs, carry, random_like(shapes, seed=4))


def unrolled_from(cell: Any, params: Any, inputs: Any, carry: Any, **options: Any) -> Unrolled:
    """``unroll`` with the first carry among the positional arguments, as derivatives by it are wanted."""
    params, inputs, carry = jax.tree.map(jnp.asarray, (params, inputs, carry))
    name = options.pop("engine", "auto")
    engine: Any = INTERPRETED.get(name, name)
    return unroll(cell, params, inputs, initial_carry=carry, engine=engine, **options)


def with_gradients(run: Any, given: Example) -> tuple[Unrolled, Gradients]:
    """What ``run(params, inputs, carry)`` returns, and the derivatives of the sum that the weights make of it."""
    given = jax.tree.map(jnp.asarray, given)
    unrolled, pull_back = jax.vjp(run, given.params, given.inputs, given.carry)
    return unrolled, Gradients(*pull_back(given.weights))


@functools.cache
def compiled(cell_name: str, engine: str, reverse: bool) -> Any:
    """One program for all cases of a cell, an engine and a direction: (example, controls) -> (unrolled, gradients)."""
    cell = make(cell_name)
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


def over(flags: Any, array: Any) -> Any:
    """Flags [B, T] with further axes of size 1, as many as ``array`` has behind batch and time."""
    return np.expand_dims(flags, tuple(range(np.ndim(flags), array.ndim)))


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


def has_the_loop_s_gradients(engine: str) -> bool:
    """Whether an engine's gradients are those of the loop; ``truncated_test`` holds the others to their own law."""
    return engine.partition(":")[0] not in OTHER_GRADIENTS
