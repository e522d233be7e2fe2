"""A classifier of sequences of vectors: what a window of steps shows, then what happens over time, then one class.

convolutions over time, perhaps none -> dropout -> recurrent layers -> pooling -> dropout -> logits

Of a video the convolutions are over the places of each frame instead (`seqlab.layers.frame_encoder`). Where sequences
are cut around a site, a channel that says where each step is spares the network from counting (Liu et al., 2018).
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int, Scalar
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.layers.frame_encoder import FrameEncoder
from seqlab.layers.pooling import Pooling


class Classified(NamedTuple):
    """What the classifier answers.

    Attributes:
        logits: of the classes [B, V].
        weights: how much of each step after the convolutions is in the answer [B, T']; see ``seqlab.layers.pooling``.
    """

    logits: Float[Array, "B V"]
    weights: Float[Array, "B T"]


class FeatureClassifier(nn.Module):
    """Vectors [B, T, F] or frames [B, T, Y, X, F] in, logits out.

    Params: ``encoder`` or ``frame_encoder`` (where there are convolutions), ``stack``, ``pool`` (with attention alone),
    ``head``.

    Attributes:
        num_classes: number V of classes.
        recurrent: the recurrent layers.
        convolution: the convolutions before them.
        pooling: a name in ``seqlab.layers.pooling.POOLINGS``.
        frame_pooling: a name in ``seqlab.layers.frame_encoder.FRAME_POOLINGS``.
        position_channel: whether vectors get `positions` as one more channel; frames never do.
    """

    num_classes: int
    recurrent: RecurrentConfig
    convolution: ConvolutionConfig = ConvolutionConfig()
    pooling: str = "last"
    frame_pooling: str = "mean"
    position_channel: bool = False

    def setup(self) -> None:
        """Declares the layers."""
        dtype = product_dtype(self.recurrent.precision)
        self.encoder = self.convolution.make(dtype)
        self.frame_encoder = FrameEncoder(self.convolution, self.frame_pooling, dtype)
        self.stack = self.recurrent.make()
        self.pool = Pooling(self.pooling, self.recurrent.bidirectional, dtype=dtype)
        self.input_dropout = Dropout(self.recurrent.variational_dropout)
        self.summary_dropout = Dropout()
        self.head = Dense(self.num_classes, dtype)

    def __call__(
        self,
        inputs: Float[Array, "B T *S F"],
        *,
        lengths: Int[Array, " B"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Classified:
        """Runs the model; rates other than 0 need Flax's ``dropout`` key. ``drop_rates``: as in ``Recurrent``."""
        if inputs.ndim > 3:
            encoded = self.frame_encoder(inputs, lengths, dropout_rate)
        else:
            if self.position_channel:
                inputs = jnp.concatenate([inputs, positions(len(inputs), inputs.shape[1], lengths)], axis=-1)
            encoded, lengths = self.encoder(inputs, lengths, dropout_rate)
        controls: dict[str, Any] = {"lengths": lengths, "dropout_rate": dropout_rate, **drop_rates}
        outputs = self.stack(self.input_dropout(encoded, dropout_rate), **controls).outputs
        summary, weights = self.pool(outputs, lengths)
        return Classified(self.head(self.summary_dropout(summary, dropout_rate)), weights)


def positions(batch_size: int, num_steps: int, lengths: Int[Array, " B"] | None = None) -> Float[Array, "B T 1"]:
    """Where each step of B rows of T steps is: from -1 at the first step evenly to 1 at a row's last one.

    >>> positions(1, 4, jnp.array([3]))[0, :3, 0].tolist()
    [-1.0, 0.0, 1.0]
    """
    ends = jnp.full(batch_size, num_steps) if lengths is None else lengths
    return (2 * jnp.arange(num_steps) / jnp.maximum(ends - 1, 1)[:, None] - 1)[..., None]
