from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.layers.frame_encoder import FrameEncoder, ImageConvolution, convolve, convolve_by_windows, max_over_places
from tests.contracts.cases import jit

LENGTHS = jnp.array([3, 1, 0])
ENCODERS = [
    FrameEncoder(ConvolutionConfig(conv_layers=2, conv_size=3, conv_kernel=3, conv_stride=2, conv_pool=2), "flatten"),
    FrameEncoder(ConvolutionConfig(conv_layers=2, conv_size=2, conv_kernel=3, conv_residual=True)),
    FrameEncoder(ConvolutionConfig(), "flatten"),
]


def frames_of(num_steps=5):
    return jnp.asarray(np.random.default_rng(0).normal(size=(3, 5, 7, 5, 2))[:, :num_steps].astype(np.float32))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_frame_is_answered_alike_whatever_stands_around_it_and_padding_is_zero(encoder):
    frames = frames_of()
    params = jit(encoder.init)(jax.random.key(0), frames)
    run = jit(lambda frames, lengths: encoder.apply(params, frames, lengths))
    padded = jnp.where(jnp.arange(5)[:, None, None, None] < LENGTHS[:, None, None, None, None], frames, jnp.nan)
    outputs, alone = run(padded, LENGTHS), jit(lambda frame: encoder.apply(params, frame))(frames[:1, 1:2])
    np.testing.assert_allclose(outputs[0, 1], alone[0, 0], rtol=1e-5, atol=1e-6)
    exists = np.arange(5) < np.asarray(LENGTHS)[:, None]
    assert np.isfinite(outputs).all()
    assert np.asarray(outputs)[exists].any()
    assert not np.asarray(outputs)[~exists].any()


def test_no_gradient_comes_from_padding():
    encoder = ENCODERS[1]
    params = jit(encoder.init)(jax.random.key(0), frames_of())

    def apply(frames) -> Any:
        return encoder.apply(params, frames, LENGTHS)

    gradient = jit(jax.grad(lambda frames: jnp.sum(jnp.sin(apply(frames)))))(frames_of())
    exists = np.arange(5) < np.asarray(LENGTHS)[:, None]
    assert np.asarray(gradient)[exists].any()
    assert not np.asarray(gradient)[~exists].any()


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, "same"), (2, 2, "same"), (4, 3, "valid")])
def test_a_convolution_is_numpys_sum_over_its_window(kernel, stride, padding):
    images = frames_of()[0]
    layer = ImageConvolution(3, kernel, stride, padding)
    params = jit(layer.init)(jax.random.key(1), images)
    weights = np.asarray(params["params"]["kernel"])
    applied: Any = jit(layer.apply)(params, images)
    before = (kernel - 1) // 2 if padding == "same" else 0
    extents = [-(-size // stride) if padding == "same" else (size - kernel) // stride + 1 for size in (7, 5)]
    assert applied.shape == (5, *extents, 3)
    wide = np.pad(np.asarray(images), ((0, 0), (before, kernel), (before, kernel), (0, 0)))
    for row, column in np.ndindex(*extents):
        window = wide[:, row * stride : row * stride + kernel, column * stride : column * stride + kernel]
        expected = np.einsum("nyxf,yxfd->nd", window, weights)
        np.testing.assert_allclose(applied[:, row, column], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("stride", [2])
def test_windows_and_the_devices_own_convolution_agree_in_values_and_gradients(stride):
    rng = np.random.default_rng(0)
    arrays = [jnp.asarray(rng.normal(size=shape).astype(np.float32)) for shape in ((2, 6, 5, 2), (3, 3, 2, 4))]
    found = [
        jit(lambda images, kernel, way=way: jax.vjp(lambda *both: way(*both, stride, None), images, kernel))(*arrays)
        for way in (convolve, convolve_by_windows)
    ]
    (outputs, _), (same, _) = found
    np.testing.assert_allclose(outputs, same, rtol=1e-5, atol=1e-5)
    for one, other in zip(*(pull(jnp.cos(outputs)) for _, pull in found), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_the_largest_value_of_a_square_at_the_border_is_of_what_is_there():
    images = -jnp.arange(1.0, 16.0).reshape(1, 3, 5, 1)
    assert max_over_places(images, 2)[0, ..., 0].tolist() == [[-1, -3, -5], [-11, -13, -15]]


@pytest.mark.slow
def test_narrow_products_have_derivatives_and_are_near():
    wide, narrow = (FrameEncoder(ENCODERS[0].config, "mean", dtype) for dtype in (None, jnp.bfloat16))
    params = jit(wide.init)(jax.random.key(0), frames_of())

    def loss_of(encoder):
        return jit(jax.value_and_grad(lambda params: jnp.sum(encoder.apply(params, frames_of()))))

    (loss, gradients), (near, near_gradients) = (loss_of(encoder)(params) for encoder in (wide, narrow))
    assert near == pytest.approx(float(loss), rel=0.02)
    for leaf, near_leaf in zip(jax.tree.leaves(gradients), jax.tree.leaves(near_gradients), strict=True):
        assert near_leaf.dtype == jnp.float32
        np.testing.assert_allclose(leaf, near_leaf, rtol=0.1, atol=0.1 * float(abs(leaf).max()))


@pytest.mark.parametrize(
    ("encoder", "say"),
    [
        (FrameEncoder(ConvolutionConfig(), "men"), "unknown frame pooling 'men'; did you mean 'mean'"),
        (FrameEncoder(ConvolutionConfig(conv_layers=1, conv_kernel=0)), "must be at least 1; got 32, 0 and 1"),
        (FrameEncoder(ConvolutionConfig(conv_pool=0)), "conv_pool >= 1"),
        (
            FrameEncoder(ConvolutionConfig(conv_layers=1, conv_kernel=6, conv_padding="valid")),
            "frames of 7 x 5 pixels: expected at least 6 in each direction",
        ),
    ],
)
def test_layers_that_cannot_be_are_refused(encoder, say):
    with pytest.raises(SeqlabError, match=say):
        jax.eval_shape(lambda: encoder.init(jax.random.key(0), frames_of()))
