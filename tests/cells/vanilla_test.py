"""The vanilla cell's activation, and the Jacobian that makes its gradients vanish or explode."""

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
