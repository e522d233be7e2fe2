"""The residual vanilla cell: a step adds a little to the state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import ResidualVanillaCell, VanillaCell
from tests.cells.numpy_loop import assert_is, assert_same, one_step, projected_step, random_step
from tests.contracts.cases import jit

H = 4


@pytest.mark.parametrize(
    ("activation", "plain"), [(jnp.tanh, np.tanh), (jax.nn.relu, lambda y: np.maximum(y, 0))], ids=["tanh", "relu"]
)
def test_outputs_and_last_carry_are_those_of_the_numpy_loop(activation, plain):
    def plain_step(params, h, x):
        y = x @ params["input_kernel"] + h @ params["recurrent_kernel"] + params["bias"]
        h = h + 0.3 * plain(y)
        return h, h

    assert_is(ResidualVanillaCell(H, activation=activation, scale=0.3), plain_step)


def test_a_scale_of_zero_leaves_the_state_as_it_is():
    cell = ResidualVanillaCell(H, scale=0.0)
    params, h, x = random_step(cell, seed=1)
    np.testing.assert_array_equal(one_step(cell, params, h, x)[0], h)


def test_with_scale_one_it_adds_what_the_vanilla_cell_would_put_in_its_place():
    cell = ResidualVanillaCell(H, scale=1.0)
    params, h, x = random_step(cell, seed=2)
    assert_same(one_step(cell, params, h, x)[0] - h, one_step(VanillaCell(H), params, h, x)[0])


def test_the_jacobian_of_a_step_is_the_identity_and_a_little_of_the_vanilla_cell_s():
    cell = ResidualVanillaCell(H, scale=0.1)
    params, h, x = random_step(cell, seed=3)

    def jacobian(cell):
        return jit(jax.jacobian(lambda h: projected_step(cell, params, h, x[0])[0]))(h[0])

    assert_same(jacobian(cell), jnp.eye(H) + 0.1 * jacobian(VanillaCell(H)))
