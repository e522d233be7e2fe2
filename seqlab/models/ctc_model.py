"""Unaligned many-to-many: at each frame the scores of every label and of a blank, for a loss that aligns (CTC).

    convolutions over time, perhaps none -> dropout -> recurrent layers -> dropout -> logits

Convolutions with a stride or with pooling leave fewer frames, so that a frame is nearer to a label in length and the
recurrence has fewer steps. There must be enough of them for the labels; see ``seqlab.losses.ctc``.

References:
    Graves et al., Speech recognition with deep recurrent neural networks, 2013; Amodei et al., Deep Speech 2, 2016
    (convolutions with a stride).
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float, Int, Scalar
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig, Shortened, shortened


def frames_left(convolution: ConvolutionConfig, num_frames: int) -> int:
    """How many of a row's frames the convolutions leave.

    >>> frames_left(ConvolutionConfig(conv_layers=2, conv_stride=2), 9)
    3
    """
    for _ in range(convolution.conv_layers):
        size = (convolution.conv_kernel, convolution.conv_stride, convolution.conv_padding)
        num_frames = -(-shortened(num_frames, *size) // convolution.conv_pool)
    return num_frames


def frames_each(convolution: ConvolutionConfig) -> int:
    """From one frame of the logits to the next, how many frames of the inputs."""
    return (convolution.conv_stride * convolution.conv_pool) ** convolution.conv_layers


def first_centre(convolution: ConvolutionConfig) -> float:
    """The middle of what the first frame of the logits is made of, in frames of the inputs counted from 0.

    >>> first_centre(ConvolutionConfig(conv_layers=2, conv_kernel=5, conv_stride=2, conv_padding="valid"))
    6.0
    """
    centre, each = 0.0, 1
    for _ in range(convolution.conv_layers):
        before = (convolution.conv_kernel - 1) // 2 if convolution.conv_padding == "same" else 0
        centre += each * ((convolution.conv_kernel - 1) / 2 - before)
        each *= convolution.conv_stride
        centre += each * (convolution.conv_pool - 1) / 2
        each *= convolution.conv_pool
    return centre


class CTCModel(nn.Module):
    """Vectors [B, T, F] in, logits of V classes at each frame that is left out; class 0 is the blank.

    Params: ``encoder`` (where there are convolutions), ``stack``, ``head``.

    Attributes:
        num_classes: number V of labels, and one for the blank.
        recurrent: the recurrent layers.
        convolution: the convolutions before them.
    """

    num_classes: int
    recurrent: RecurrentConfig
    convolution: ConvolutionConfig = ConvolutionConfig()

    def setup(self) -> None:
        """Declares the layers."""
        dtype = product_dtype(self.recurrent.precision)
        self.encoder = self.convolution.make(dtype)
        self.stack = self.recurrent.make()
        self.input_dropout = Dropout(self.recurrent.variational_dropout)
        self.dropout = Dropout(self.recurrent.variational_dropout)
        self.head = Dense(self.num_classes, dtype)

    def __call__(
        self,
        inputs: Float[Array, "B T F"],
        *,
        lengths: Int[Array, " B"] | None = None,
        resets: Bool[Array, "B S"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Shortened:
        """Logits [B, S, V] and the frames that are left of each row; rates other than 0 need Flax's ``dropout`` key.

        ``resets`` says at which of the S frames that are left the recurrent layers start afresh.
        """
        lengths = jnp.full(len(inputs), inputs.shape[1]) if lengths is None else lengths
        encoded, left = self.encoder(inputs, lengths, dropout_rate)
        controls: dict[str, Any] = {"lengths": left, "resets": resets, "dropout_rate": dropout_rate, **drop_rates}
        outputs = self.stack(self.input_dropout(encoded, dropout_rate), **controls).outputs
        return Shortened(self.head(self.dropout(outputs, dropout_rate)), left)
