"""Against an oracle that moves each state: a plain loop, with zeros added to the state after each step."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import LinearCell, make_cell
from seqlab.core.errors import SeqlabError
from seqlab.core.masks import select, zero_padding
from seqlab.diagnostics import state_gradients
from seqlab.engines import FlaxCell, Unrolled, unroll
from seqlab.engines.select import supported_engines
from tests.contracts.cases import CELL_NAMES, KINS, F, H, inputs_shape, jit, make, random_like, random_params

T = 5
LENGTHS = np.array([5, 4, 0], np.int32)
# Row 1 has a hole, and padding at its end; row 2 is empty.
MASK = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
RESETS = np.array([[0, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]], bool)
EXISTS = MASK & (np.arange(T) < LENGTHS[:, None])
TOLERANCE = 1e-5  # Sums of tens of float32 products, in another order.


def output_of(cell, params, carry, projected):
    """The output of a step, from the state after it."""
    if isinstance(cell, LinearCell):
        return cell.read(params, carry, projected)
    return jax.tree.leaves(carry)[-1] if isinstance(cell, FlaxCell) else cell.hidden(carry)


def starts_afresh(reverse):
    """Where the state starts afresh [3, T]: at a reset, or backward in time at the step before one."""
    starts = np.zeros_like(RESETS)
    for row in range(3):
        steps = np.flatnonzero(EXISTS[row])
        for before, t in itertools.pairwise(steps):
            starts[row, before if reverse else t] = RESETS[row, t]
    return starts


def by_moving_states(cell, given, reverse):
    """The gradients by zeros that are added to the states, [3, T, ...]."""
    params, inputs, first, weights = given
    fresh = cell.initialize_carry(jax.random.key(0), inputs[:, 0].shape)
    starts = starts_afresh(reverse)

    def loss(moves):
        carry, total = first, jnp.zeros(())
        for t in range(T)[:: -1 if reverse else 1]:
            projected = cell.project(params, inputs[:, t])
            after, _ = cell.step(params, select(jnp.asarray(starts[:, t]), fresh, carry), projected)
            after = jax.tree.map(lambda leaf, move, t=t: leaf + move[:, t], after, moves)
            output = output_of(cell, params, after, projected)
            total += zero_padding(output * weights.outputs[:, t], jnp.asarray(EXISTS[:, t])).sum()
            carry = select(jnp.asarray(EXISTS[:, t]), after, carry)
            total += weighted(carry, jax.tree.map(lambda leaf, t=t: leaf[:, t], weights.carries))
        return total + weighted(carry, weights.carry)

    return jax.grad(loss)(jax.tree.map(lambda leaf: jnp.zeros((3, T, *leaf.shape[1:]), leaf.dtype), first))


def weighted(tree, weights):
    return sum(jnp.vdot(leaf, weight) for leaf, weight in zip(*map(jax.tree.leaves, (tree, weights)), strict=True))


def assert_every_path_is_counted(cell, params, engine, reverse, step_shape=(3, F)):
    B, *rest = step_shape
    inputs = random_like(jax.ShapeDtypeStruct((B, T, *rest), np.float32), seed=2)
    first = random_like(jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), step_shape)), seed=3)
    controls = {"lengths": jnp.asarray(LENGTHS), "mask": jnp.asarray(MASK), "resets": jnp.asarray(RESETS)}

    def both(params, inputs, first):
        options = {**controls, "initial_carry": first, "reverse": reverse}
        unrolled = unroll(cell, params, inputs, engine=engine, return_all_carries=True, **options)
        weights = jax.tree.map(jnp.asarray, random_like(unrolled, seed=4))
        found = state_gradients(cell, params, inputs, unrolled, weights, **options)
        return found, by_moving_states(
            cell, (params, zero_padding(inputs, jnp.asarray(EXISTS)), first, weights), reverse
        )

    found, expected = jit(both)(
        params, np.where(EXISTS.reshape(B, T, *(1 for _ in rest)), inputs, np.float32(np.nan)), first
    )
    assert jax.tree.structure(found) == jax.tree.structure(first)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (np.abs(np.asarray(other)[EXISTS]) > 0).any()
        np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize(
    "cell_name", [pytest.param(name, marks=() if name in {"lstm", "lru"} else pytest.mark.slow) for name in CELL_NAMES]
)
def test_gradients_by_states_are_those_of_moving_each_state(cell_name):
    cell, shape = make(cell_name), inputs_shape(cell_name, 3)
    assert_every_path_is_counted(cell, random_params(cell, seed=1), "auto", reverse=False, step_shape=shape)


def test_backward_in_time_they_are_too():
    cell = make_cell("gru", H)
    assert_every_path_is_counted(cell, random_params(cell, seed=1), "auto", reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("module", [nn.LSTMCell(H), nn.GRUCell(H)])
def test_the_cells_of_flax_are_no_exception(module):
    cell = FlaxCell(module)
    params = random_like(jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F)), seed=1, scale=0.5)
    assert_every_path_is_counted(cell, params, "auto", reverse=False)


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("cell_name", "engine"),
    [(name, engine) for name in sorted(KINS) for engine in supported_engines(make_cell(name, H))],
)
def test_every_engine_gives_the_same(cell_name, engine, reverse):
    cell = make_cell(cell_name, H)
    assert_every_path_is_counted(cell, random_params(cell, seed=1), engine, reverse)


def test_states_that_were_not_asked_for_are_missed_by_name():
    without = Unrolled(jnp.ones((1, 2, H)), jnp.ones((1, H)))
    with pytest.raises(SeqlabError, match="return_all_carries=True"):
        state_gradients(make_cell("vanilla", H), {}, jnp.ones((1, 2, F)), without, without)
