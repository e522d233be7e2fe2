"""The GRU of Cho et al. against a loop in NumPy, in float64: PyTorch has only the other form.

The gradients come from central differences of that loop, so nothing of JAX is in the expectation.
"""

import jax
import numpy as np
import pytest

from seqlab.cells import ResetBeforeGRUCell
from seqlab.engines import Unrolled, unroll
from tests.contracts.cases import assert_close, jit

B, T, F, H = 3, 4, 2, 3
LENGTHS = np.array([4, 1, 3], np.int32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loop(params, inputs, carry, reverse):
    """Each sequence alone: outputs [B, T, H], zero at padding, and the last states [B, H]."""
    W_r, W_z, W_n = np.split(params["input_kernel"], 3, axis=1)
    U_r, U_z, U_n = np.split(params["recurrent_kernel"], 3, axis=1)
    b_r, b_z, b_n = np.split(params["bias"], 3)
    outputs, last = np.zeros((B, T, H)), carry.copy()
    for row in range(B):
        h = carry[row]
        for t in range(LENGTHS[row])[:: -1 if reverse else 1]:
            x = inputs[row, t]
            r = sigmoid(x @ W_r + h @ U_r + b_r)
            z = sigmoid(x @ W_z + h @ U_z + b_z)
            n = np.tanh(x @ W_n + b_n + (r * h) @ U_n)
            h = (1 - z) * n + z * h
            outputs[row, t] = h
        last[row] = h
    return outputs, last


def central_differences(function, point):
    """The derivative of a number by every entry of a tree of float64 arrays, which it changes back and forth."""

    def by_leaf(leaf):
        gradient = np.zeros_like(leaf)
        for index in np.ndindex(leaf.shape):
            value = leaf[index]
            leaf[index] = value + 1e-5
            ahead = function()
            leaf[index] = value - 1e-5
            gradient[index] = (ahead - function()) / 2e-5
            leaf[index] = value
        return gradient

    return jax.tree.map(by_leaf, point)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
def test_outputs_last_state_and_gradients_are_those_of_the_numpy_loop(reverse):
    rng = np.random.default_rng(0)
    shapes = {"input_kernel": (F, 3 * H), "recurrent_kernel": (H, 3 * H), "bias": (3 * H,)}
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    inputs, carry = rng.standard_normal((B, T, F)), rng.standard_normal((B, H))
    output_weights, last_weights = rng.standard_normal((B, T, H)), rng.standard_normal((B, H))

    def weighted_sum():
        outputs, last = loop(params, inputs, carry, reverse)
        return np.vdot(outputs, output_weights) + np.vdot(last, last_weights)

    outputs, last = loop(params, inputs, carry, reverse)
    expected_gradients = central_differences(weighted_sum, (params, inputs, carry))
    narrow = jax.tree.map(np.float32, ((params, inputs, carry), (output_weights, last_weights)))

    for engine in ("loop", "scan"):

        @jit
        def run(args, weights, engine=engine):
            def unrolled(params, inputs, carry):
                options = {"lengths": jax.numpy.asarray(LENGTHS), "reverse": reverse, "engine": engine}
                return unroll(ResetBeforeGRUCell(H), params, inputs, initial_carry=carry, **options)

            found, pull_back = jax.vjp(unrolled, *args)
            return found, pull_back(Unrolled(*weights))

        found, gradients = run(*narrow)
        assert_close(tuple(found)[:2], (outputs, last))
        assert_close(gradients, expected_gradients)
