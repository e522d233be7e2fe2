"""Coupled gates: what is forgotten is what is written."""

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.cells import CoupledLSTMCell, LSTMCell
from tests.cells.numpy_loop import assert_is, assert_same, initial, one_step, projected_step, random_step, sigmoid

H = 4


def plain_step(params, carry, x):
    W, U = (np.split(params[name], 3, axis=1) for name in ("input_kernel", "recurrent_kernel"))
    b = np.split(params["bias"], 3)
    c, h = carry
    f = sigmoid(x @ W[0] + h @ U[0] + b[0])
    g = np.tanh(x @ W[1] + h @ U[1] + b[1])
    o = sigmoid(x @ W[2] + h @ U[2] + b[2])
    c = f * c + (1 - f) * g
    h = o * np.tanh(c)
    return type(carry)(c, h), h


def test_outputs_and_last_carry_are_those_of_the_numpy_loop():
    assert_is(CoupledLSTMCell(H), plain_step)


def test_it_is_the_lstm_whose_input_gate_reads_the_opposite_of_the_forget_gate():
    # 1 - sigmoid(y) = sigmoid(-y)
    cell = CoupledLSTMCell(H)
    params, carry, x = random_step(cell, seed=1)
    full = {name: jnp.concatenate([-leaf[..., :H], leaf], axis=-1) for name, leaf in params.items()}
    assert_same(one_step(cell, params, carry, x), one_step(LSTMCell(H), full, carry, x))


def test_the_memory_stays_within_what_was_written():
    cell = CoupledLSTMCell(H)
    params, _, x = random_step(cell, seed=2)
    start = cell.initialize_carry(jax.random.key(0), x.shape)
    last, _ = jax.lax.scan(lambda carry, _: projected_step(cell, params, carry, 10 * x), start, length=50)
    assert np.abs(last.c).max() <= 1


def test_the_forget_bias_is_that_of_the_first_gate():
    bias = initial(CoupledLSTMCell(H, forget_bias=2.0), "bias")
    np.testing.assert_array_equal(bias, np.repeat([2.0, 0.0, 0.0], H))
