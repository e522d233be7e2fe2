"""The projected LSTM's two widths. That its numbers are PyTorch's is held in ``tests/golden``."""

import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import LSTMCell, ProjectedLSTMCell
from seqlab.core.errors import SeqlabError
from tests.cells.numpy_loop import B, assert_is, assert_same, initial, one_step, random_step, sigmoid

H, P = 5, 3


def plain_step(params, carry, x):
    W, U = (np.split(params[name], 4, axis=1) for name in ("input_kernel", "recurrent_kernel"))
    b = np.split(params["bias"], 4)
    c, h = carry
    i, f, o = (sigmoid(x @ W[gate] + h @ U[gate] + b[gate]) for gate in (0, 1, 3))
    g = np.tanh(x @ W[2] + h @ U[2] + b[2])
    c = f * c + i * g
    h = (o * np.tanh(c)) @ params["projection_kernel"]
    return type(carry)(c, h), h


def test_outputs_and_last_carry_are_those_of_the_numpy_loop():
    assert_is(ProjectedLSTMCell(H, projection_size=P), plain_step)


def test_projected_by_the_identity_it_is_the_lstm():
    cell = ProjectedLSTMCell(H, projection_size=H)
    params, carry, x = random_step(cell, seed=1)
    shared = {name: leaf for name, leaf in params.items() if name != "projection_kernel"}
    unchanged = shared | {"projection_kernel": jnp.eye(H)}
    assert_same(one_step(cell, unchanged, carry, x), one_step(LSTMCell(H), shared, carry, x))


@pytest.mark.parametrize(
    ("features", "projection_size", "expected"), [(8, None, 4), (5, None, 2), (1, None, 1), (8, 3, 3)]
)
def test_output_and_hidden_state_are_as_wide_as_the_projection(features, projection_size, expected):
    cell = ProjectedLSTMCell(features, projection_size=projection_size)
    params, carry, x = random_step(cell, seed=2)
    assert carry.c.shape == (B, features)
    assert carry.h.shape == (B, expected)
    assert one_step(cell, params, carry, x)[1].shape == (B, expected)
    assert params["recurrent_kernel"].shape == (expected, 4 * features)


def test_the_projection_starts_with_columns_of_length_one_at_right_angles():
    kernel = initial(ProjectedLSTMCell(H, projection_size=P), "projection_kernel")
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(P), atol=1e-6)


@pytest.mark.parametrize("projection_size", [0, -1, 6])
def test_a_projection_that_is_empty_or_wider_than_the_memory_is_an_error(projection_size):
    with pytest.raises(SeqlabError, match=rf"projection_size must lie in \[1, 5\].*; got {projection_size}"):
        ProjectedLSTMCell(H, projection_size=projection_size)
