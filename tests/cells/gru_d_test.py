"""GRU-D's decays of the last value and of the state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import GRUDCell, ResetBeforeGRUCell
from seqlab.core.errors import SeqlabError
from tests.cells.numpy_loop import assert_is, assert_same, one_step, random_step, sigmoid

H = 4


def plain_step(params, h, inputs):
    """Equations 3 to 10 of the paper, each gate with matrices W, U and V of its own, for values of mean 0."""
    x, m, d = np.split(inputs, 3, axis=1)
    W, V = np.split(params["input_kernel"], 2, axis=0)
    (W_r, W_z, W_n), (V_r, V_z, V_n), (U_r, U_z, U_n), (b_r, b_z, b_n) = (
        np.split(part, 3, axis=-1) for part in (W, V, params["recurrent_kernel"], params["bias"])
    )
    gamma_x = np.exp(-np.maximum(0, d @ np.diag(params["input_decay"]) + params["input_decay_bias"]))
    gamma_h = np.exp(-np.maximum(0, d @ params["state_decay_kernel"] + params["state_decay_bias"]))
    mean = 0
    x = m * x + (1 - m) * (gamma_x * x + (1 - gamma_x) * mean)
    h = gamma_h * h
    r = sigmoid(x @ W_r + h @ U_r + m @ V_r + b_r)
    keep = sigmoid(x @ W_z + h @ U_z + m @ V_z + b_z)
    take = 1 - keep  # The paper's z.
    n = np.tanh(x @ W_n + (r * h) @ U_n + m @ V_n + b_n)
    h = (1 - take) * h + take * n
    return h, h


def test_outputs_and_last_carry_are_those_of_the_numpy_loop():
    assert_is(GRUDCell(H), plain_step)


def test_where_all_is_seen_it_is_the_gru_of_values_and_mask():
    cell = GRUDCell(H)
    params, h, inputs = random_step(cell, seed=1)
    params = {**params, "state_decay_bias": jnp.zeros(H)}
    x, ones = inputs[:, :1], jnp.ones((len(inputs), 1))
    gru = {name: params[name] for name in ("input_kernel", "recurrent_kernel", "bias")}
    found = one_step(cell, params, h, jnp.concatenate([x, ones, 0 * ones], axis=1))
    assert_same(found, one_step(ResetBeforeGRUCell(H), gru, h, jnp.concatenate([x, ones], axis=1)))


def test_what_was_seen_and_kept_long_ago_is_forgotten():
    cell = GRUDCell(H)
    params, h, inputs = random_step(cell, seed=2)
    params = {**params, "input_decay": jnp.full(1, 0.5), "state_decay_kernel": jnp.full((1, H), 0.5)}

    def after(d, x, h):
        blocks = [x, jnp.zeros_like(x), jnp.full_like(x, d)]
        return one_step(cell, params, h, jnp.concatenate(blocks, axis=1))[0]

    x = inputs[:, :1]
    assert_same(after(1e3, x, h), after(1e3, 5 * x, -h))
    assert np.abs(after(1.0, x, h) - after(1.0, 5 * x, h)).max() > 0.01
    assert np.abs(after(1.0, x, h) - after(1.0, x, -h)).max() > 0.01


def test_rates_start_where_they_have_gradients():
    params = GRUDCell(H).param_specs(6)
    assert params["input_kernel"][1] == (4, 3 * H)
    for name in ("input_decay", "state_decay_kernel"):
        initializer, shape = params[name]
        drawn = initializer(jax.random.key(0), shape)
        assert 0 <= drawn.min() < drawn.max() <= 0.1


def test_inputs_that_are_no_three_blocks_are_refused():
    for width in (0, 4):
        with pytest.raises(SeqlabError, match=f"a multiple of 3; got {width}"):
            GRUDCell(H).param_specs(width)
