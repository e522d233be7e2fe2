"""What the associative engine promises beyond the laws: depth, long sequences, and more steps than the laws have."""

import functools
from typing import Any

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab import unroll
from seqlab.cells import LinearCell, LSTMCell, make_cell
from seqlab.core.errors import SeqlabError
from seqlab.engines.associative import supports
from tests.cells.linear_oracles import NUMPY_STEPS, numpy_unroll

# Odd in every round of the tree: 13, 7, 4 (2, 1).
B, T = 2, 13
for_all_cells = pytest.mark.parametrize("cell_name", sorted(NUMPY_STEPS))


class GivenCell(LinearCell):
    """A recurrence whose coefficients are its inputs."""

    def param_specs(self, num_features):
        return {}

    def project(self, params, inputs):
        return inputs


def loop(coefficients, state, exists, resets, reverse):
    """The states of one row [T, 1], step by step; a reset in time parts what is on its two sides."""
    states = np.zeros((T, 1))
    times = [t for t in range(T) if exists[t]]
    before = None
    for t in reversed(times) if reverse else times:
        crossed = resets[t] if not reverse else before is not None and resets[before]
        a, b = coefficients[t]
        state = a * (np.zeros(1) if crossed else state) + b
        states[t] = state
        before = t
    return states, state


@functools.cache
def compiled(reverse):
    options = {"return_all_carries": True, "reverse": reverse, "engine": "associative"}
    return jax.jit(
        lambda inputs, carry, mask, resets: unroll(
            GivenCell(1), {}, inputs, initial_carry=carry, mask=mask, resets=resets, **options
        )
    )


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
@settings(max_examples=50)
@given(mask=hnp.arrays(bool, (B, T)), resets=hnp.arrays(bool, (B, T)), seed=st.integers(0, 2**32 - 1))
def test_states_are_those_of_a_loop_for_any_mask_and_resets(reverse, mask, resets, seed):
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((B, T, 2)).astype(np.float32)
    carry = rng.standard_normal((B, 1)).astype(np.float32)
    found = compiled(reverse)(*map(jnp.asarray, (inputs, carry, mask, resets)))
    for row in range(B):
        states, last = loop(inputs[row], carry[row], mask[row], resets[row], reverse)
        np.testing.assert_allclose(found.carries[row][mask[row]], states[mask[row]], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.carry[row], last, rtol=1e-4, atol=1e-4)
        assert not np.any(found.outputs[row][~mask[row]])
        # Bit for bit: each state of the tree is rounded in its own way, but a state that stands still does not change.
        state = carry[row]
        for t in reversed(range(T)) if reverse else range(T):
            state = found.carries[row, t] if mask[row, t] else state
            np.testing.assert_array_equal(found.carries[row, t], state)
        np.testing.assert_array_equal(found.carry[row], state)


def operations(cell: Any, num_steps: int) -> list[str]:
    """The names of all operations in the program of an unrolling."""
    params = cell.init_params(jax.random.key(0), 3)
    inputs = jnp.ones((2, num_steps, 3))
    program = jax.make_jaxpr(lambda params, x: unroll(cell, params, x, engine="associative").outputs)(params, inputs)
    return [equation.primitive.name for equation in program.jaxpr.eqns]


@for_all_cells
def test_doubling_the_steps_adds_one_round(cell_name):
    cell = make_cell(cell_name, 4)
    sizes = [len(operations(cell, num_steps)) for num_steps in (64, 128, 256, 512)]
    rounds = np.diff(sizes)
    assert rounds[0] > 0
    assert np.all(rounds == rounds[0])
    assert not {"scan", "while"} & set(operations(cell, 64))


@for_all_cells
def test_two_thousand_steps_stay_those_of_a_loop_in_float64(cell_name):
    options = {"r_min": 0.99, "r_max": 0.9999} if cell_name == "lru" else {}
    cell = make_cell(cell_name, 8, **options)
    params = cell.init_params(jax.random.key(0), 3)
    if "bias" in params:
        # Gates near 1: a memory of some hundreds of steps, in which rounding can add up.
        shift = {"min_gru": -6.0, "min_lstm": 6.0, "qrnn": 6.0}[cell_name]
        gate = slice(8, 16) if cell_name == "qrnn" else slice(8)
        params["bias"] = params["bias"].at[gate].set(shift)
    inputs = jax.random.normal(jax.random.key(1), (2, 2000, 3))
    outputs, _ = numpy_unroll(cell_name, params, inputs, np.zeros((2, 8)))
    found = jax.jit(functools.partial(unroll, cell, engine="associative"))(params, inputs).outputs
    np.testing.assert_allclose(found, outputs, atol=2e-4)


def test_a_diverged_sequence_leaves_the_other_rows_alone():
    inputs = np.full((2, T, 2), 0.5, np.float32)
    inputs[0, 3] = np.nan
    found = unroll(GivenCell(1), {}, jnp.asarray(inputs), engine="associative").outputs
    assert np.isnan(found[0, -1]).all()
    assert np.isfinite(found[1]).all()


def test_cells_that_are_no_linear_recurrence_are_refused():
    assert supports(GivenCell(1))
    assert not supports(LSTMCell(1))
    params = LSTMCell(1).init_params(jax.random.key(0), 2)
    with pytest.raises(SeqlabError, match="does not support LSTMCell of width 1; expected one of loop, scan"):
        unroll(LSTMCell(1), params, jnp.ones((1, 2, 2)), engine="associative")
