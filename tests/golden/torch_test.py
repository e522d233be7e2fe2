"""PyTorch's layers and ours: the same numbers, gradients included. ``generate_torch.py`` made the numbers.

PyTorch has two biases where a sum of products needs one; each of ours is the sum of its two, except in the GRU's
candidate, where the second stands inside the reset.
"""

from pathlib import Path

import jax
import numpy as np
import pytest

from seqlab.cells import LSTMCarry, make_cell
from seqlab.engines import Unrolled, unroll
from seqlab.engines.select import supported_engines
from tests.contracts.cases import FIRST_LAW_ALONE, SPELLED, assert_close, jit, quick_if

# Our cell for each layer of PyTorch.
LAYERS = {
    "rnn_tanh": "vanilla",
    "rnn_relu": "vanilla_relu",
    "gru": "gru",
    "lstm": "lstm",
    "lstm_projected": "lstm_projected",
}
PAIRS = [
    quick_if(SPELLED.get(engine, engine) not in FIRST_LAW_ALONE, layer, engine)
    for layer in sorted(LAYERS)
    for engine in supported_engines(make_cell(LAYERS[layer], 1))
]
WEIGHTS = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]


def of_direction(layer, direction):
    """The arrays of one layer and direction, by name."""
    with np.load(Path(__file__).with_name(f"torch_{layer}.npz"), allow_pickle=False) as arrays:
        shared = {name: arrays[name] for name in ("inputs", "lengths")}
        own = {name.removeprefix(direction + "_"): arrays[name] for name in arrays if name.startswith(direction + "_")}
    return shared | own


def our_params(layer, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr=None):
    params = {"input_kernel": weight_ih.T, "recurrent_kernel": weight_hh.T, "bias": bias_ih + bias_hh}
    if layer == "gru":
        H = len(bias_hh) // 3
        params["bias"] = np.concatenate([(bias_ih + bias_hh)[: 2 * H], bias_ih[2 * H :]])
        params["recurrent_bias"] = bias_hh[2 * H :]
    if weight_hr is not None:
        params["projection_kernel"] = weight_hr.T
    return params


def our_gradients(layer, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr=None):
    """A summand's derivative is that of the sum, so either of PyTorch's two has it."""
    gradients = {"input_kernel": weight_ih.T, "recurrent_kernel": weight_hh.T, "bias": bias_ih}
    if layer == "gru":
        gradients["recurrent_bias"] = bias_hh[len(bias_hh) // 3 * 2 :]
    if weight_hr is not None:
        gradients["projection_kernel"] = weight_hr.T
    return gradients


def our_carry(arrays, kind):
    """PyTorch's LSTM has (h, c), ours (c, h)."""
    if f"{kind}_1" in arrays:
        return LSTMCarry(c=arrays[f"{kind}_1"], h=arrays[f"{kind}_0"])
    return arrays[f"{kind}_0"]


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize(("layer", "engine"), PAIRS)
def test_outputs_last_state_and_gradients_are_those_of_pytorch(layer, engine, direction):
    arrays = of_direction(layer, direction)
    weights = [name for name in WEIGHTS if name in arrays]
    params = our_params(layer, *(arrays[name] for name in weights))
    # The first leaf of a carry is as wide as the cell: c of an LSTM, whose outputs may be narrower.
    cell = make_cell(LAYERS[layer], jax.tree.leaves(our_carry(arrays, "last"))[0].shape[-1])

    @jit
    def run(params, inputs, carry, lengths, output_weights, last_weights):
        def unrolled(params, inputs, carry):
            options = {"lengths": lengths, "reverse": direction == "backward", "engine": engine}
            return unroll(cell, params, inputs, initial_carry=carry, **options)

        found, pull_back = jax.vjp(unrolled, params, inputs, carry)
        return found, pull_back(Unrolled(output_weights, last_weights))

    found, gradients = run(
        params,
        arrays["inputs"],
        our_carry(arrays, "first"),
        arrays["lengths"],
        arrays["output_weights"],
        our_carry(arrays, "last_weights"),
    )
    assert_close(found, Unrolled(arrays["outputs"], our_carry(arrays, "last")))
    expected = our_gradients(layer, *(arrays[f"gradient_{name}"] for name in weights))
    assert_close(gradients, (expected, arrays["gradient_inputs"], our_carry(arrays, "gradient_first")))


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_the_numbers_would_show_a_bias_that_is_left_out_and_a_state_that_is_ignored(layer):
    arrays = of_direction(layer, "forward")
    for name in ("bias_ih", "bias_hh", "first_0", "gradient_bias_ih", "gradient_bias_hh", "gradient_first_0"):
        assert np.abs(arrays[name]).max() > 0.1, name
    assert sorted(arrays["lengths"]) != arrays["lengths"].tolist()
    assert all(np.isfinite(array).all() for array in arrays.values())
