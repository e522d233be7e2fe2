"""Peepholes: each gate sees its own memory cell, the output gate the new one."""

import numpy as np

from seqlab.cells import LSTMCell, PeepholeLSTMCell
from tests.cells.numpy_loop import assert_is, assert_same, initial, one_step, random_step, sigmoid

H = 4


def plain_step(params, carry, x):
    W, U = (np.split(params[name], 4, axis=1) for name in ("input_kernel", "recurrent_kernel"))
    b = np.split(params["bias"], 4)
    p_i, p_f, p_o = params["peephole_kernel"]
    c, h = carry
    i = sigmoid(x @ W[0] + h @ U[0] + p_i * c + b[0])
    f = sigmoid(x @ W[1] + h @ U[1] + p_f * c + b[1])
    g = np.tanh(x @ W[2] + h @ U[2] + b[2])
    c = f * c + i * g
    o = sigmoid(x @ W[3] + h @ U[3] + p_o * c + b[3])
    h = o * np.tanh(c)
    return type(carry)(c, h), h


def test_outputs_and_last_carry_are_those_of_the_numpy_loop():
    assert_is(PeepholeLSTMCell(H), plain_step)


def test_without_peepholes_it_is_the_lstm():
    cell = PeepholeLSTMCell(H)
    params, carry, x = random_step(cell, seed=1)
    shared = {name: leaf for name, leaf in params.items() if name != "peephole_kernel"}
    closed = shared | {"peephole_kernel": 0 * params["peephole_kernel"]}
    assert_same(one_step(cell, closed, carry, x), one_step(LSTMCell(H), shared, carry, x))


def test_it_starts_as_the_lstm_with_its_forget_bias():
    cell = PeepholeLSTMCell(H, forget_bias=2.0)
    assert not np.any(initial(cell, "peephole_kernel"))
    np.testing.assert_array_equal(initial(cell, "bias"), np.repeat([0.0, 2.0, 0.0, 0.0], H))
