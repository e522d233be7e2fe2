"""The vanilla cell's activation and first recurrence, and the Jacobian that makes its gradients vanish or explode."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import VanillaCell, make_cell


@pytest.mark.parametrize(
    ("name", "expected"), [("vanilla", [np.tanh(-1.0), np.tanh(2.0)]), ("vanilla_relu", [0.0, 2.0])]
)
def test_each_name_has_its_activation(name, expected):
    cell = make_cell(name, 2)
    params = {"recurrent_kernel": jnp.zeros((2, 2))}
    carry, output = cell.step(params, jnp.ones((1, 2)), jnp.array([[-1.0, 2.0]]))
    np.testing.assert_allclose(output[0], expected, rtol=1e-6)
    np.testing.assert_array_equal(carry, output)


def test_the_jacobian_of_a_step_is_the_recurrent_kernel_behind_the_slope_of_the_activation():
    cell = VanillaCell(3)
    params = cell.init_params(jax.random.key(0), 2)
    h, projected = jnp.array([0.1, -0.2, 0.3]), jnp.array([0.5, 0.0, -0.5])
    jacobian = jax.jacobian(lambda h: cell.step(params, h, projected)[1])(h)
    slope = 1 - np.tanh(projected + h @ params["recurrent_kernel"]) ** 2
    np.testing.assert_allclose(jacobian, slope[:, None] * params["recurrent_kernel"].T, rtol=1e-5, atol=1e-6)


def test_the_irnn_starts_by_keeping_a_state_that_is_not_negative_for_as_long_as_there_are_no_inputs():
    cell = make_cell("irnn", 3)
    params = cell.init_params(jax.random.key(0), 2)
    np.testing.assert_array_equal(params["recurrent_kernel"], np.eye(3))
    start = jnp.array([[0.0, 0.5, 2.0]])
    projected = cell.project(params, jnp.zeros((1, 2)))
    last, _ = jax.lax.scan(lambda h, _: cell.step(params, h, projected), start, length=1000)
    np.testing.assert_array_equal(last, start)


def test_the_first_recurrence_is_drawn_from_the_initializer_that_is_given():
    params = VanillaCell(3, recurrent_init=jax.nn.initializers.ones).init_params(jax.random.key(0), 2)
    np.testing.assert_array_equal(params["recurrent_kernel"], np.ones((3, 3)))
