"""Convolution over time: vectors of a few neighbouring steps become one, with the same weights everywhere.

    y_t = sum_{i < k} x_{t s + i - p} W_i + b        kernel size k, stride s

``same`` starts p = (k - 1) // 2 steps before the first one and gives ceil(n / s) steps for n; ``valid`` has p = 0,
reads nothing beyond either end, and gives floor((n - k) / s) + 1. What stands at padding counts as zero, so a row is
answered alike however far it is padded, and rows shrink with their own lengths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int, Scalar
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.masks import lengths_to_mask, zero_padding
from seqlab.layers.dense import Dense
from seqlab.layers.dropout import Dropout

PADDINGS = ("same", "valid")


class Shortened(NamedTuple):
    """Sequences that may have fewer steps than before.

    Attributes:
        outputs: [B, T', F]; zeros at padding.
        lengths: valid steps of each row [B]; ``None`` where all are.
    """

    outputs: Float[Array, "B T F"]
    lengths: Int[Array, " B"] | None


def shortened(steps: Any, kernel_size: int, stride: int, padding: str) -> Any:
    """How many steps a convolution makes of ``steps``, an integer or an array of them.

    >>> shortened(7, 3, 2, "same"), shortened(7, 3, 2, "valid"), shortened(2, 3, 1, "valid")
    (4, 3, 0)
    """
    if padding == "same":
        return -(-steps // stride)
    fitting = (steps - kernel_size) // stride + 1
    return max(fitting, 0) if isinstance(steps, int) else jnp.maximum(fitting, 0)


def check_sizes(features: int, kernel_size: int, stride: int, padding: str) -> None:
    """Refuses sizes that no convolution has.

    Raises:
        SeqlabError: an unknown ``padding``, or sizes below 1.
    """
    if padding not in PADDINGS:
        raise unknown_name("padding", padding, PADDINGS)
    if min(features, kernel_size, stride) < 1:
        raise SeqlabError(
            f"a convolution's features, kernel size and stride must be at least 1; got {features}, {kernel_size} and "
            f"{stride}."
        )


class Convolution(nn.Module):
    """A convolution over time.

    Params: ``kernel`` W [k F, D] (Glorot uniform), ``bias`` b [D], in a ``Dense`` named ``windows``.

    Attributes:
        features: width D of the output.
        kernel_size: steps k that an output sees.
        stride: steps s from one output to the next.
        padding: ``same`` or ``valid``.
        dtype: type of the product's factors; see ``seqlab.core.precision``.

    Raises:
        SeqlabError: an unknown ``padding``, or sizes below 1.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    padding: str = "same"
    dtype: Any = None

    def __post_init__(self) -> None:
        """Checks the sizes."""
        super().__post_init__()
        check_sizes(self.features, self.kernel_size, self.stride, self.padding)

    @nn.compact
    def __call__(self, inputs: Float[Array, "B T F"], lengths: Int[Array, " B"] | None = None) -> Shortened:
        """Applies the layer."""
        if lengths is not None:
            inputs = zero_padding(inputs, lengths_to_mask(lengths, inputs.shape[1]))
        size, num_steps = (self.kernel_size, self.stride, self.padding), inputs.shape[1]
        num_outputs = shortened(num_steps, *size)
        before = (self.kernel_size - 1) // 2 if self.padding == "same" else 0
        # The steps that the last output reads beyond the end; as many before the start do not depend on T.
        behind = max(0, (num_outputs - 1) * self.stride + self.kernel_size - before - num_steps)
        padded = jnp.pad(inputs, ((0, 0), (before, behind), (0, 0)))
        reach = (num_outputs - 1) * self.stride + 1
        # One product over windows laid side by side: on CPUs faster than XLA's convolution at these sizes.
        shifted = [padded[:, place : place + max(reach, 0) : self.stride] for place in range(self.kernel_size)]
        outputs = Dense(self.features, self.dtype, name="windows")(jnp.concatenate(shifted, axis=-1))
        if lengths is None:
            return Shortened(outputs, None)
        lengths = jnp.asarray(shortened(lengths, *size))
        return Shortened(zero_padding(outputs, lengths_to_mask(lengths, num_outputs)), lengths)


def max_over_time(inputs: Float[Array, "B T F"], lengths: Int[Array, " B"] | None, size: int) -> Shortened:
    """The largest value of each ``size`` steps in turn, the last ones perhaps fewer: ceil(n / size) steps for n.

    >>> max_over_time(jnp.array([[[1.0], [3.0], [2.0]]]), None, 2).outputs.tolist()
    [[[3.0], [2.0]]]
    """
    if size == 1:
        return Shortened(inputs, lengths)
    batch_size, num_steps, width = inputs.shape
    num_outputs = -(-num_steps // size)
    if lengths is not None:
        exists = lengths_to_mask(lengths, num_steps)[..., None]
        inputs = jnp.where(exists, inputs, -jnp.inf)
    behind = num_outputs * size - num_steps
    padded = jnp.pad(inputs, ((0, 0), (0, behind), (0, 0)), constant_values=-jnp.inf)
    outputs = padded.reshape(batch_size, num_outputs, size, width).max(axis=2)
    if lengths is None:
        return Shortened(outputs, None)
    lengths = -(-lengths // size)
    return Shortened(zero_padding(outputs, lengths_to_mask(lengths, num_outputs)), lengths)


@dataclass(frozen=True)
class ConvolutionConfig:
    """Convolutions that come before the recurrence: over time, or over the two axes of space of each frame of a video.

    Attributes:
        conv_layers: how many; 0 for none.
        conv_size: width of each.
        conv_kernel: steps that an output sees; of frames, pixels in each direction, and so on.
        conv_stride: steps from one output to the next.
        conv_padding: ``same`` or ``valid``.
        conv_pool: of as many outputs the largest is kept; 1 for all.
        conv_residual: whether each layer is a residual block of two convolutions instead of one.
    """

    conv_layers: int = 0
    conv_size: int = 32
    conv_kernel: int = 5
    conv_stride: int = 1
    conv_padding: str = "same"
    conv_pool: int = 1
    conv_residual: bool = False

    def shortest(self) -> int:
        """The fewest steps that leave at least one.

        >>> ConvolutionConfig(conv_layers=2, conv_kernel=5, conv_padding="valid").shortest()
        9
        """
        steps = 1
        for _ in range(self.conv_layers):
            steps = (steps - 1) * self.conv_pool + 1
            steps = (steps - 1) * self.conv_stride + (self.conv_kernel if self.conv_padding == "valid" else 1)
        return steps

    def check(self) -> None:
        """Refuses numbers that fit no layers.

        Raises:
            SeqlabError: residual blocks without ``same``, ``conv_pool`` below 1, or ``conv_layers`` below 0.
        """
        if self.conv_residual and self.conv_padding != "same":
            raise SeqlabError("residual blocks need --conv_padding=same: what is added must be as long as before.")
        if self.conv_pool < 1 or self.conv_layers < 0:
            raise SeqlabError(
                f"expected conv_pool >= 1 and conv_layers >= 0; got {self.conv_pool}, {self.conv_layers}."
            )

    def make(self, dtype: Any = None) -> "ConvolutionalEncoder":
        """The layers as a Flax module.

        Raises:
            SeqlabError: numbers that fit no such layers.
        """
        self.check()
        return ConvolutionalEncoder(self, dtype)


class ResidualBlock(nn.Module):
    """y = relu(x' + conv(relu(conv(x)))), with x' = x where widths and lengths agree, else one product of x.

    The first convolution has the stride. Reference: He et al., Deep residual learning for image recognition, 2016.

    Attributes:
        features: width of the output.
        kernel_size: steps that each convolution sees.
        stride: steps from one output to the next.
        dtype: type of the products' factors.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    dtype: Any = None

    @nn.compact
    def __call__(self, inputs: Float[Array, "B T F"], lengths: Int[Array, " B"] | None = None) -> Shortened:
        """Applies the block."""
        make: Callable[..., Convolution] = Convolution
        inner, shorter = make(self.features, self.kernel_size, self.stride, dtype=self.dtype)(inputs, lengths)
        outer, _ = make(self.features, self.kernel_size, dtype=self.dtype)(nn.relu(inner), shorter)
        around = inputs
        if inputs.shape != outer.shape:
            around, _ = make(self.features, 1, self.stride, dtype=self.dtype)(inputs, lengths)
        elif lengths is not None:
            around = zero_padding(inputs, lengths_to_mask(lengths, inputs.shape[1]))
        outputs = nn.relu(around + outer)
        if shorter is not None:
            outputs = zero_padding(outputs, lengths_to_mask(shorter, outputs.shape[1]))
        return Shortened(outputs, shorter)


class ConvolutionalEncoder(nn.Module):
    """Convolutions with relu, each followed by dropout and pooling, as a configuration says.

    Attributes:
        config: the layers.
        dtype: type of the products' factors.
    """

    config: ConvolutionConfig
    dtype: Any = None

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "B T F"], lengths: Int[Array, " B"] | None = None, dropout_rate: Scalar = 0.0
    ) -> Shortened:
        """Applies the layers; without any the inputs are handed on as they are."""
        config, outputs = self.config, inputs
        size = (config.conv_size, config.conv_kernel, config.conv_stride)
        for number in range(config.conv_layers):
            if config.conv_residual:
                outputs, lengths = ResidualBlock(*size, dtype=self.dtype)(outputs, lengths)
            else:
                layer = Convolution(*size, config.conv_padding, self.dtype)
                outputs, lengths = layer(outputs, lengths)
                outputs = nn.relu(outputs)
            outputs, lengths = max_over_time(outputs, lengths, config.conv_pool)
            if number + 1 < config.conv_layers:
                outputs = Dropout()(outputs, dropout_rate)
        return Shortened(outputs, lengths)
