"""A convolutional encoder of the frames of a video: each frame becomes one vector, and all frames the same way.

    y[i, j] = sum_{k, l < K} x[i s + k - p, j s + l - p] W[k, l] + b        kernel size K, stride s, in both directions

followed by relu, and by the largest of every few outputs in both directions; or a residual block of two convolutions in
its place. The numbers are those of ``ConvolutionConfig``, over space instead of time. In the end a frame's outputs are
averaged over all places (``mean``: it tells what is seen, but hardly where) or put side by side (``flatten``). All
frames of a batch are one batch of images, so a layer is one convolution; a frame knows nothing of the others.

References:
    Donahue et al., Long-term recurrent convolutional networks for visual recognition and description, 2015; He et al.,
    Deep residual learning for image recognition, 2016.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Float, Int, Scalar
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.masks import lengths_to_mask, zero_padding
from seqlab.core.precision import dot
from seqlab.layers.convolution import ConvolutionConfig, check_sizes, shortened
from seqlab.layers.dropout import Dropout

FRAME_POOLINGS = ("flatten", "mean")


class ImageConvolution(nn.Module):
    """A convolution over the two axes of space of images; sizes as in ``seqlab.layers.convolution.Convolution``.

    Params: ``kernel`` W [K, K, F, D] (Glorot uniform), ``bias`` b [D] (zeros).

    Attributes:
        features: width D of the output.
        kernel_size: pixels K that an output sees in each direction.
        stride: pixels from one output to the next.
        padding: ``same`` or ``valid``.
        dtype: type of the product's factors; see ``seqlab.core.precision``.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    padding: str = "same"
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Float[Array, "B Y X F"]) -> Float[Array, "B Y2 X2 D"]:
        """Applies the layer."""
        size = (self.kernel_size, self.stride, self.padding)
        check_sizes(self.features, *size)
        shape = (self.kernel_size, self.kernel_size, images.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        before = (self.kernel_size - 1) // 2 if self.padding == "same" else 0
        borders = [(0, 0)]
        for extent in images.shape[1:3]:
            last = (shortened(extent, *size) - 1) * self.stride + self.kernel_size - before
            borders.append((before, max(0, last - extent)))
        padded = jnp.pad(images, [*borders, (0, 0)])
        on_cpu, elsewhere = (
            partial(way, stride=self.stride, dtype=self.dtype) for way in (convolve_by_windows, convolve)
        )
        return jax.lax.platform_dependent(padded, kernel, cpu=on_cpu, default=elsewhere) + bias


def convolve(
    images: Float[Array, "B Y X F"], kernel: Float[Array, "K K F D"], stride: int, dtype: Any
) -> Float[Array, "B Y2 X2 D"]:
    """The convolution without padding, as the device has it."""
    # Both factors and the product in one type: the derivative of a convolution takes no others.
    factors = (images, kernel) if dtype is None else (images.astype(dtype), kernel.astype(dtype))
    layout = ("NHWC", "HWIO", "NHWC")
    outputs = jax.lax.conv_general_dilated(*factors, (stride, stride), "VALID", dimension_numbers=layout)
    return outputs.astype(kernel.dtype)


def convolve_by_windows(
    images: Float[Array, "B Y X F"], kernel: Float[Array, "K K F D"], stride: int, dtype: Any
) -> Float[Array, "B Y2 X2 D"]:
    """The same as one product over windows laid side by side.

    It is for CPUs: inside a loop, as training is, XLA runs a convolution there by plain code, nine times as slow.
    """
    size = kernel.shape[0]
    rows, columns = (extent - size + 1 for extent in images.shape[1:3])
    shifted = [
        images[:, first : first + rows : stride, second : second + columns : stride]
        for first, second in np.ndindex(size, size)
    ]
    return dot(jnp.concatenate(shifted, axis=-1), kernel.reshape(-1, kernel.shape[-1]), dtype)


class ImageResidualBlock(nn.Module):
    """y = relu(x' + conv(relu(conv(x)))), with x' = x where shapes agree, else one product of x at each place.

    The first convolution has the stride.

    Attributes:
        features: width of the output.
        kernel_size: pixels that each convolution sees in each direction.
        stride: pixels from one output to the next.
        dtype: type of the products' factors.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Float[Array, "B Y X F"]) -> Float[Array, "B Y2 X2 D"]:
        """Applies the block."""
        inner = nn.relu(ImageConvolution(self.features, self.kernel_size, self.stride, dtype=self.dtype)(images))
        outer = ImageConvolution(self.features, self.kernel_size, dtype=self.dtype)(inner)
        around = images
        if images.shape != outer.shape:
            around = ImageConvolution(self.features, 1, self.stride, dtype=self.dtype)(images)
        return nn.relu(around + outer)


def max_over_places(images: Float[Array, "B Y X F"], size: int) -> Float[Array, "B Y2 X2 F"]:
    """The largest value of each square of ``size`` x ``size`` places, those at the far borders perhaps smaller.

    >>> max_over_places(jnp.arange(6.0).reshape(1, 2, 3, 1), 2)[0, ..., 0].tolist()
    [[4.0, 5.0]]
    """
    batch_size, height, width, features = images.shape
    rows, columns = -(-height // size), -(-width // size)
    borders = ((0, 0), (0, rows * size - height), (0, columns * size - width), (0, 0))
    padded = jnp.pad(images, borders, constant_values=-jnp.inf)
    return padded.reshape(batch_size, rows, size, columns, size, features).max(axis=(2, 4))


class FrameEncoder(nn.Module):
    """Frames [B, T, Y, X, F] to vectors [B, T, D], zeros at padding; whatever stands there does not matter.

    Attributes:
        config: the convolutions; without any a frame's numbers are put side by side or averaged as they are.
        pooling: ``mean`` or ``flatten``.
        dtype: type of the products' factors.

    Raises:
        SeqlabError: an unknown ``pooling``, sizes that cannot be, or frames too small for the convolutions.
    """

    config: ConvolutionConfig
    pooling: str = "mean"
    dtype: Any = None

    @nn.compact
    def __call__(
        self, frames: Float[Array, "B T Y X F"], lengths: Int[Array, " B"] | None = None, dropout_rate: Scalar = 0.0
    ) -> Float[Array, "B T D"]:
        """Applies the layers."""
        config, (batch_size, num_steps, *shape) = self.config, frames.shape
        if self.pooling not in FRAME_POOLINGS:
            raise unknown_name("frame pooling", self.pooling, FRAME_POOLINGS)
        config.check()
        if min(shape[:2]) < config.shortest():
            raise SeqlabError(
                f"frames of {shape[0]} x {shape[1]} pixels: expected at least {config.shortest()} in each direction, "
                "as the convolutions need them. Take --conv_padding=same, or fewer or smaller convolutions."
            )
        mask = None if lengths is None else lengths_to_mask(lengths, num_steps)
        images = zero_padding(frames, mask).reshape(batch_size * num_steps, *shape)
        size = (config.conv_size, config.conv_kernel, config.conv_stride)
        for number in range(config.conv_layers):
            if config.conv_residual:
                images = ImageResidualBlock(*size, dtype=self.dtype)(images)
            else:
                images = nn.relu(ImageConvolution(*size, config.conv_padding, self.dtype)(images))
            if config.conv_pool > 1:
                images = max_over_places(images, config.conv_pool)
            if number + 1 < config.conv_layers:
                images = Dropout()(images, dropout_rate)
        vectors = images.mean(axis=(1, 2)) if self.pooling == "mean" else images.reshape(images.shape[0], -1)
        return zero_padding(vectors.reshape(batch_size, num_steps, -1), mask)
