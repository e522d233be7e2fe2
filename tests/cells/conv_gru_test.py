"""The convolutional GRU beside its definition."""

import functools

import numpy as np

from seqlab.cells import ConvGRUCell
from tests.cells.convolution import convolve, gate_kernels
from tests.cells.numpy_loop import assert_is, sigmoid


def plain_step(kernel_size, params, carry, x):
    W, U = (gate_kernels(params[name], kernel_size, 3) for name in ("input_kernel", "recurrent_kernel"))
    b = np.split(params["bias"], 3)
    h = carry
    r = sigmoid(convolve(x, W[0]) + convolve(h, U[0]) + b[0])
    z = sigmoid(convolve(x, W[1]) + convolve(h, U[1]) + b[1])
    n = np.tanh(convolve(x, W[2]) + b[2] + r * (convolve(h, U[2]) + params["recurrent_bias"]))
    h = (1 - z) * n + z * h
    return h, h


def test_outputs_and_last_carry_are_those_of_the_numpy_loop():
    assert_is(ConvGRUCell(3, kernel_size=(3, 2)), functools.partial(plain_step, (3, 2)), space=(2, 4))
