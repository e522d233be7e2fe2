import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.layers.convolution import Convolution, ConvolutionConfig, max_over_time
from tests.contracts.cases import jit

LENGTHS = np.array([7, 4, 1, 0])
CONFIGS = [
    ConvolutionConfig(conv_layers=2, conv_size=3, conv_kernel=3, conv_stride=2, conv_pool=2),
    ConvolutionConfig(conv_layers=1, conv_size=3, conv_kernel=4, conv_padding="valid"),
    ConvolutionConfig(conv_layers=2, conv_size=2, conv_kernel=3, conv_residual=True),
    ConvolutionConfig(),
]


@functools.cache
def inputs_of(num_steps):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(len(LENGTHS), 12, 2)).astype(np.float32)
    return jnp.asarray(inputs[:, :num_steps])


@pytest.mark.parametrize("config", CONFIGS)
def test_padding_changes_nothing_and_rows_shrink_by_their_own_lengths(config):
    encoder = config.make()
    params = encoder.init(jax.random.key(0), inputs_of(7))
    run = jit(lambda inputs, lengths: encoder.apply(params, inputs, lengths))
    outputs, lengths = run(inputs_of(7), jnp.asarray(LENGTHS))
    padded = jnp.where(jnp.arange(12)[:, None] < LENGTHS[:, None, None], inputs_of(12), jnp.nan)
    same, same_lengths = run(padded, jnp.asarray(LENGTHS))
    np.testing.assert_array_equal(lengths, same_lengths)
    for row, length in enumerate(lengths.tolist()):
        np.testing.assert_allclose(same[row, :length], outputs[row, :length], rtol=1e-5, atol=1e-6)
        assert not np.asarray(same[row, length:]).any() or config.conv_layers == 0
        own = LENGTHS[row]
        if own >= config.shortest():
            alone, none = encoder.apply(params, inputs_of(7)[row : row + 1, :own])
            assert (none, alone.shape[1]) == (None, length)
            np.testing.assert_allclose(alone[0], outputs[row, :length], rtol=1e-5, atol=1e-6)
        else:
            assert length == 0


def test_no_gradient_comes_from_padding():
    encoder = CONFIGS[0].make()
    params = encoder.init(jax.random.key(0), inputs_of(7))
    gradient = jit(jax.grad(lambda inputs: encoder.apply(params, inputs, jnp.asarray(LENGTHS))[0].sum()))(inputs_of(7))
    exists = np.arange(7) < LENGTHS[:, None]
    assert np.isfinite(gradient).all()
    assert not np.asarray(gradient)[~exists].any()


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 1, "same"), (4, 2, "same"), (2, 3, "valid"), (1, 4, "same")]
)
def test_a_convolution_is_numpys_sum_over_its_window(kernel, stride, padding):
    layer = Convolution(3, kernel, stride, padding)
    inputs = inputs_of(7)[:1]
    params = layer.init(jax.random.key(1), inputs)
    weights = np.asarray(params["params"]["windows"]["kernel"]).reshape(kernel, 2, 3)
    before = (kernel - 1) // 2 if padding == "same" else 0
    applied: Any = layer.apply(params, inputs)
    outputs = np.asarray(applied.outputs[0])
    assert len(outputs) == (-(-7 // stride) if padding == "same" else (7 - kernel) // stride + 1)
    for step, output in enumerate(outputs):
        seen = {place: step * stride + place - before for place in range(kernel)}
        expected = sum(np.asarray(inputs[0, at]) @ weights[place] for place, at in seen.items() if 0 <= at < 7)
        np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)


def test_the_largest_value_is_over_the_steps_that_exist():
    values = jnp.array([[[-3.0], [-1.0], [-2.0], [9.0]]])
    pooled, lengths = max_over_time(values, jnp.array([3]), 2)
    assert (pooled.tolist(), np.asarray(lengths).tolist()) == ([[[-1.0], [-2.0]]], [2])


@pytest.mark.parametrize("config", CONFIGS)
def test_the_shortest_sequence_leaves_one_step_and_a_shorter_one_none(config):
    encoder, shortest = config.make(), config.shortest()
    params = encoder.init(jax.random.key(0), inputs_of(7))
    _, lengths = encoder.apply(params, inputs_of(7), jnp.array([shortest, shortest - 1, 7, 7]))
    assert lengths.tolist()[:2] == [1, 0]


@pytest.mark.parametrize(
    ("changes", "say"),
    [
        ({"conv_padding": "sme"}, "unknown padding 'sme'; did you mean 'same'"),
        ({"conv_kernel": 0}, "must be at least 1; got 32, 0 and 1"),
        ({"conv_pool": 0}, "conv_pool >= 1"),
        ({"conv_residual": True, "conv_padding": "valid"}, "--conv_padding=same"),
    ],
)
def test_layers_that_cannot_be_are_refused(changes, say):
    with pytest.raises(SeqlabError, match=say):
        ConvolutionConfig(conv_layers=1, **changes).make().init(jax.random.key(0), inputs_of(7))
