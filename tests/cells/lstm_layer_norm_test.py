"""Layer normalization in the LSTM: values by the plain formula, and what must not matter."""

import jax
import numpy as np
import pytest

from seqlab.cells import LayerNormLSTMCell, LSTMCell
from tests.cells.numpy_loop import (
    assert_is,
    assert_same,
    initial,
    layer_norm,
    one_step,
    projected_step,
    random_step,
    sigmoid,
)
from tests.contracts.cases import jit

H = 4


@pytest.mark.parametrize("epsilon", [1e-5, 0.5])
def test_outputs_and_last_carry_are_those_of_the_numpy_loop(epsilon):
    def plain_step(params, carry, x):
        c, h = carry
        gates = layer_norm(x @ params["input_kernel"], params["input_gain"], params["bias"], epsilon)
        gates += layer_norm(h @ params["recurrent_kernel"], params["recurrent_gain"], params["recurrent_bias"], epsilon)
        i, f, g, o = np.split(gates, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(layer_norm(c, params["memory_gain"], params["memory_bias"], epsilon))
        return type(carry)(c, h), h

    assert_is(LayerNormLSTMCell(H, epsilon=epsilon), plain_step)


@pytest.mark.parametrize("name", ["input_kernel", "recurrent_kernel"])
def test_the_size_of_a_kernel_does_not_matter(name):
    cell = LayerNormLSTMCell(H, epsilon=1e-12)
    params, carry, x = random_step(cell, seed=1)
    larger = params | {name: 7 * params[name]}
    assert_same(one_step(cell, larger, carry, x), one_step(cell, params, carry, x))


def test_with_a_huge_epsilon_the_memory_is_that_of_the_lstm_with_centred_kernels():
    # Then the divisor is sqrt(epsilon), which the gains take back: only the mean over the gates is gone.
    epsilon = 2.0**40
    cell = LayerNormLSTMCell(H, epsilon=epsilon)
    params, carry, x = random_step(cell, seed=2)
    gains = {name: np.full(4 * H, 2.0**20, np.float32) for name in ("input_gain", "recurrent_gain")}
    kernels = {name: params[name] for name in ("input_kernel", "recurrent_kernel")}
    centred = {name: kernel - kernel.mean(axis=1, keepdims=True) for name, kernel in kernels.items()}
    lstm = LSTMCell(H)
    expected, _ = one_step(lstm, centred | {"bias": params["bias"] + params["recurrent_bias"]}, carry, x)
    assert_same(one_step(cell, params | gains, carry, x)[0].c, expected.c)


def test_gains_start_at_one_and_biases_but_the_forget_gate_s_at_zero():
    cell = LayerNormLSTMCell(H, forget_bias=2.0)
    assert all(np.all(initial(cell, f"{kind}_gain") == 1) for kind in ("input", "recurrent", "memory"))
    assert not any(np.any(initial(cell, f"{kind}_bias")) for kind in ("recurrent", "memory"))
    np.testing.assert_array_equal(initial(cell, "bias"), np.repeat([0.0, 2.0, 0.0, 0.0], H))


def test_a_fresh_state_gives_finite_values_and_gradients():
    # There every product with the state has variance 0.
    cell = LayerNormLSTMCell(H)
    params, _, x = random_step(cell, seed=3)
    fresh = cell.initialize_carry(jax.random.key(0), x.shape)

    def total(*given):
        return projected_step(cell, *given)[1].sum()

    gradients = jit(jax.grad(total, argnums=(0, 1, 2)))(params, fresh, 0 * x)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
