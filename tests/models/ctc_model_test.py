from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.models.ctc_model import CTCModel, first_centre, frames_each, frames_left
from tests.contracts.cases import jit

CONVOLUTIONS = [
    ConvolutionConfig(),
    ConvolutionConfig(conv_layers=2, conv_size=3, conv_kernel=3, conv_stride=2),
    ConvolutionConfig(conv_layers=1, conv_size=3, conv_kernel=4, conv_stride=2, conv_padding="valid", conv_pool=2),
    ConvolutionConfig(conv_layers=1, conv_size=3, conv_kernel=3, conv_stride=3, conv_residual=True),
]


def model_of(convolution):
    return CTCModel(4, RecurrentConfig("vanilla", 3, bidirectional=True, engine="scan"), convolution)


@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_frames_of_the_logits_are_as_many_as_counted(convolution):
    shapes = jax.eval_shape(
        lambda key: model_of(convolution).init_with_output(key, jnp.zeros((1, 13, 2)))[0].outputs, jax.random.key(0)
    )
    assert shapes.shape == (1, frames_left(convolution, 13), 4)


def test_neither_padding_nor_neighbours_matter():
    model, rng, lengths = model_of(CONVOLUTIONS[2]), np.random.default_rng(0), np.array([13, 9])
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 13, 2)))["params"]
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype), shapes)
    apply = jit(lambda inputs, lengths: model.apply({"params": params}, inputs, lengths=lengths))
    inputs = rng.normal(0, 1, (2, 13, 2)).astype(np.float32)
    inputs[1, 9:] = np.nan
    found = apply(jnp.asarray(inputs), jnp.asarray(lengths))
    assert found.lengths.tolist() == [frames_left(CONVOLUTIONS[2], size) for size in lengths.tolist()]
    inputs[0], inputs[1, 9:] = 7.0, 0.0
    again, left = apply(jnp.asarray(inputs), jnp.asarray(lengths)).outputs, int(found.lengths[1])
    np.testing.assert_array_equal(again[1, :left], found.outputs[1, :left])
    assert np.abs(again[0] - found.outputs[0]).max() > 0.01


def test_nothing_is_heard_across_a_reset_in_either_direction():
    model, rng = model_of(CONVOLUTIONS[0]), np.random.default_rng(0)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 6, 2)))["params"]
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype), shapes)
    resets = jnp.arange(6)[None] == 3

    @jit
    def apply(inputs) -> jax.Array:
        found: Any = model.apply({"params": params}, inputs, resets=resets)
        return found.outputs

    inputs = rng.normal(0, 1, (1, 6, 2)).astype(np.float32)
    before = np.asarray(apply(jnp.asarray(inputs)))[0]
    inputs[0, 3:] += 1
    after = np.asarray(apply(jnp.asarray(inputs)))[0]
    np.testing.assert_array_equal(after[:3], before[:3])
    assert np.abs(after[3:] - before[3:]).max(axis=-1).min() > 1e-3


@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_a_frame_depends_on_inputs_around_its_centre_alone(convolution):
    encoder, frame = convolution.make(), 2
    # Nothing, and an impulse at each of 25 places.
    inputs = jnp.asarray(np.eye(26, 25, k=-1, dtype=np.float32)[..., None])
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), inputs)
    params = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), shapes)
    outputs = jit(encoder.apply)(params, inputs).outputs[:, frame]
    seen = np.flatnonzero(np.abs(outputs[1:] - outputs[0]).max(axis=-1) > 0)
    assert (seen[0] + seen[-1]) / 2 == first_centre(convolution) + frame * frames_each(convolution)


def test_a_frame_of_the_logits_stands_for_as_many_of_the_inputs_as_are_skipped():
    assert [frames_each(convolution) for convolution in CONVOLUTIONS] == [1, 4, 4, 3]
