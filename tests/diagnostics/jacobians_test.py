from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.cells import VanillaCell, make_cell
from seqlab.diagnostics import gradient_flow, spectral_norms, spectral_radii, state_jacobians
from tests.contracts.cases import F, jit, random_like, random_params

B, T, H = 2, 4, 3


def test_products_of_jacobians_carry_the_gradient_back():
    cell = make_cell("lstm", H)
    inputs = random_like(jax.ShapeDtypeStruct((B, T, F), np.float32), seed=2)

    def measure(params, inputs):
        controls: dict[str, Any] = {
            "resets": jnp.zeros((B, T), bool).at[1, 2].set(True),
            "lengths": jnp.array([T, T - 1]),
        }
        flow = gradient_flow(cell, params, inputs, lambda u: u.carry.h.sum() + 2 * u.carry.c.sum(), **controls)
        return flow, state_jacobians(cell, params, inputs, **controls)

    flow, jacobians = jit(measure)(random_params(cell, seed=1), inputs)
    assert jacobians.shape == (B, T, 2 * H, 2 * H)
    jacobians = np.asarray(jacobians, np.float64)
    np.testing.assert_array_equal(jacobians[1, 2], 0)  # A reset.
    np.testing.assert_array_equal(jacobians[1, 3], np.eye(2 * H))  # Padding.
    gradient = np.repeat([2.0, 1.0], H)
    for distance in range(T):
        np.testing.assert_allclose(flow.norms[0, distance], np.linalg.norm(gradient), rtol=1e-5)
        gradient = gradient @ jacobians[0, T - 1 - distance]


def test_the_jacobian_of_a_vanilla_cell_at_rest_is_its_recurrent_kernel():
    kernel = jnp.array([[0.0, 3.0], [-0.5, 0.0]])
    params = {"input_kernel": jnp.zeros((1, 2)), "recurrent_kernel": kernel, "bias": jnp.zeros(2)}
    jacobians = jit(lambda params: state_jacobians(VanillaCell(2), params, jnp.zeros((1, 1, 1))))(params)
    np.testing.assert_allclose(jacobians[0, 0], kernel.T, rtol=1e-6)
    # Turning by a right angle with a gain of 3 and then of 1/2: no eigenvalue is as large as the norm.
    np.testing.assert_allclose(spectral_norms(jacobians), [[3.0]], rtol=1e-6)
    np.testing.assert_allclose(spectral_radii(jacobians), [[np.sqrt(1.5)]], rtol=1e-6)
