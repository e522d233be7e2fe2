"""The linear recurrences: each against a loop in float64, and what they promise by their form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab import unroll
from seqlab.cells import CELLS, LinearCell, MinGRUCell, MinLSTMCell, QRNNCell, make_cell
from tests.cells.linear_oracles import NUMPY_STEPS, numpy_unroll

B, T, F, H = 2, 9, 3, 4
for_all_cells = pytest.mark.parametrize("cell_name", sorted(NUMPY_STEPS))


def random_case(cell_name):
    """A cell, params without zeros, inputs and a first carry."""
    cell = make_cell(cell_name, H)
    shapes = cell.init_params(jax.random.key(0), F), cell.initialize_carry(jax.random.key(0), (B, F))
    rng = np.random.default_rng(1)
    params, carry = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape), leaf.dtype), shapes)
    return cell, params, jnp.asarray(rng.standard_normal((B, T, F)), jnp.float32), carry


def test_every_linear_cell_has_an_oracle():
    assert {name for name in CELLS if isinstance(make_cell(name, 1), LinearCell)} == set(NUMPY_STEPS)


@for_all_cells
def test_outputs_and_last_state_are_those_of_a_loop_in_float64(cell_name):
    cell, params, inputs, carry = random_case(cell_name)
    assert isinstance(cell, LinearCell)
    outputs, state = numpy_unroll(cell_name, params, inputs, np.asarray(cell.to_state(carry)))
    found = unroll(cell, params, inputs, initial_carry=carry, engine="scan")
    np.testing.assert_allclose(found.outputs, outputs, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(cell.to_state(found.carry), state, rtol=1e-5, atol=1e-5)


@for_all_cells
def test_the_state_is_linear_in_the_state_before(cell_name):
    cell, params, inputs, carry = random_case(cell_name)
    projected = cell.project(params, inputs[:, 0])

    def after(factor):
        return cell.step(params, jax.tree.map(lambda leaf: factor * leaf, carry), projected)[0]

    for at_0, at_1, at_3 in zip(*map(jax.tree.leaves, (after(0.0), after(1.0), after(3.0))), strict=True):
        np.testing.assert_allclose(at_3 - at_0, 3 * (at_1 - at_0), rtol=1e-4, atol=1e-5)
        assert np.abs(at_1 - at_0).min() > 0


@for_all_cells
def test_a_carry_and_its_state_hold_the_same(cell_name):
    cell, _, _, carry = random_case(cell_name)
    assert isinstance(cell, LinearCell)
    back = cell.to_carry(cell.to_state(carry))
    assert jax.tree.structure(back) == jax.tree.structure(carry)
    jax.tree.map(np.testing.assert_array_equal, back, carry)


@pytest.mark.parametrize("cell", [MinGRUCell(1), MinLSTMCell(1), QRNNCell(1)], ids=lambda cell: type(cell).__name__)
def test_gated_states_are_averages_that_stay_between_the_candidates(cell):
    params = cell.init_params(jax.random.key(2), F)
    inputs = 10 * jax.random.normal(jax.random.key(3), (1, 50, F))
    a, b = cell.coefficients(params, cell.project(params, inputs))
    candidates = b / jnp.maximum(1 - a, 1e-6)
    states = unroll(cell, params, inputs, return_all_carries=True, engine="scan").carries
    assert np.all((a >= 0) & (a <= 1))
    assert np.all(np.abs(states) <= np.abs(candidates).max() * (1 + 1e-5))


def test_z_of_the_minimal_gru_takes_the_new_value():
    cell, old = MinGRUCell(1), jnp.array([[0.3]])
    params = {"input_kernel": jnp.eye(2), "bias": jnp.zeros(2)}
    new, output = cell.step(params, old, cell.project(params, jnp.array([[50.0, 7.0]])))
    np.testing.assert_allclose(new, 7.0, rtol=1e-6)
    np.testing.assert_array_equal(output, new)
    np.testing.assert_allclose(cell.step(params, old, cell.project(params, jnp.array([[-50.0, 7.0]])))[0], old)


@pytest.mark.parametrize("level", [-1e4, -200.0, 200.0, 1e4])
def test_gates_of_the_minimal_lstm_that_are_equally_far_shut_or_open_share_alike(level):
    cell = MinLSTMCell(1)
    params = {"input_kernel": jnp.eye(3), "bias": jnp.zeros(3)}

    def new(inputs):
        return cell.step(params, jnp.array([[2.0]]), cell.project(params, inputs))[0].sum()

    value, gradient = jax.value_and_grad(new)(jnp.array([[level, level, 4.0]]))
    np.testing.assert_allclose(value, 3.0)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("cell_class", "gate"), [(MinLSTMCell, 0), (QRNNCell, 1)])
def test_the_forget_bias_is_where_the_forget_gate_stands(cell_class, gate):
    bias = cell_class(H, forget_bias=2.5).init_params(jax.random.key(0), F)["bias"]
    np.testing.assert_array_equal(bias[gate * H : (gate + 1) * H], 2.5)
    assert np.count_nonzero(bias) == H
