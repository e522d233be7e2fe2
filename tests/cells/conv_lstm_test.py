"""The convolutional LSTM beside its definition, Flax's and Keras's."""

import functools
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import ConvLSTMCell, LSTMCarry
from seqlab.engines import unroll
from tests.cells.convolution import convolve, gate_kernels
from tests.cells.numpy_loop import assert_is, initial, random_like, sigmoid
from tests.contracts.cases import jit

F, H = 2, 3
TOLERANCE = 1e-5


def plain_step(kernel_size, params, carry, x):
    W, U = (gate_kernels(params[name], kernel_size, 4) for name in ("input_kernel", "recurrent_kernel"))
    c, h = carry
    i, f, g, o = (
        convolve(x, W[gate]) + convolve(h, U[gate]) + bias for gate, bias in enumerate(np.split(params["bias"], 4))
    )
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return type(carry)(c, h), h


@pytest.mark.parametrize(("kernel_size", "space"), [((3,), (4,)), ((2, 3), (3, 4))])
def test_outputs_and_last_carry_are_those_of_the_numpy_loop(kernel_size, space):
    assert_is(ConvLSTMCell(H, kernel_size=kernel_size), functools.partial(plain_step, kernel_size), space)


def test_the_forget_gate_starts_open():
    cell = ConvLSTMCell(H, kernel_size=(3,), forget_bias=2.0)
    np.testing.assert_array_equal(initial(cell, "bias"), np.repeat([0.0, 2.0, 0.0, 0.0], H))


def test_flax_s_convolutional_lstm_with_the_same_params_gives_the_same():
    kernel_size, shape = (3, 2), (2, 4, 3, 5, F)
    layer = nn.RNN(nn.ConvLSTMCell(H, kernel_size), return_carry=True)
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: layer.init(jax.random.key(0), jnp.zeros(shape)))
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), random_like(rng, shapes, scale=0.5))
    theirs = variables["params"]["cell"]
    inputs = jnp.asarray(rng.standard_normal(shape), jnp.float32)

    def in_our_order(gates):
        i, g, f, o = np.split(gates, 4, axis=-1)
        return np.concatenate([i, f, g, o], axis=-1)

    # Flax has two biases where a sum needs one, and adds 1 to the forget gate in every step.
    params = {
        "input_kernel": in_our_order(theirs["ih"]["kernel"]).reshape(-1, 4 * H),
        "recurrent_kernel": in_our_order(theirs["hh"]["kernel"]).reshape(-1, 4 * H),
        "bias": in_our_order(theirs["ih"]["bias"] + theirs["hh"]["bias"]) + np.repeat([0.0, 1.0, 0.0, 0.0], H),
    }
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), params)
    found = jit(functools.partial(unroll, ConvLSTMCell(H, kernel_size=kernel_size)))(params, inputs)
    carry, outputs = jit(layer.apply)(variables, inputs)
    np.testing.assert_allclose(found.outputs, outputs, atol=TOLERANCE)
    jax.tree.map(functools.partial(np.testing.assert_allclose, atol=TOLERANCE), tuple(found.carry), carry)


@pytest.mark.parametrize("layer", ["1d", "2d"])
def test_keras_s_layer_with_the_same_params_gives_the_same(layer):
    # Both have the gates in the order i, f, c, o, and one bias. ``tests/golden/generate_keras.py`` made the numbers.
    path = Path(__file__).parents[1] / "golden" / "keras_conv_lstm.npz"
    with np.load(path, allow_pickle=False) as arrays:
        theirs = {
            name.removeprefix(f"{layer}_"): jnp.asarray(arrays[name]) for name in arrays if name.startswith(layer)
        }
    *kernel_size, _, G = theirs["kernel"].shape
    cell = ConvLSTMCell(G // 4, kernel_size=tuple(kernel_size))
    params = {
        "input_kernel": theirs["kernel"].reshape(-1, G),
        "recurrent_kernel": theirs["recurrent_kernel"].reshape(-1, G),
        "bias": theirs["bias"],
    }
    first = LSTMCarry(c=theirs["first_c"], h=theirs["first_h"])
    found = jit(lambda params, inputs, carry: unroll(cell, params, inputs, initial_carry=carry))(
        params, theirs["inputs"], first
    )
    np.testing.assert_allclose(found.outputs, theirs["outputs"], atol=TOLERANCE)
    np.testing.assert_allclose(found.carry.c, theirs["last_c"], atol=TOLERANCE)
    np.testing.assert_allclose(found.carry.h, theirs["last_h"], atol=TOLERANCE)
