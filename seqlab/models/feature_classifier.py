"""A classifier of sequences of vectors: what a window of steps shows, then what happens over time, then one class.

convolutions over time, perhaps none -> dropout -> recurrent layers -> pooling -> dropout -> logits
"""

from typing import Any, NamedTuple

import flax.linen as nn

from seqlab.core.array_types import Array, Float, Int, Scalar
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
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
    """Vectors [B, T, F] in, logits out.

    Params: ``encoder`` (where there are convolutions), ``stack``, ``pool`` (with attention alone), ``head``.

    Attributes:
        num_classes: number V of classes.
        recurrent: the recurrent layers.
        convolution: the convolutions before them.
        pooling: a name in ``seqlab.layers.pooling.POOLINGS``.
    """

    num_classes: int
    recurrent: RecurrentConfig
    convolution: ConvolutionConfig = ConvolutionConfig()
    pooling: str = "last"

    def setup(self) -> None:
        """Declares the layers."""
        dtype = product_dtype(self.recurrent.precision)
        self.encoder = self.convolution.make(dtype)
        self.stack = self.recurrent.make()
        self.pool = Pooling(self.pooling, self.recurrent.bidirectional, dtype=dtype)
        self.input_dropout = Dropout(self.recurrent.variational_dropout)
        self.summary_dropout = Dropout()
        self.head = Dense(self.num_classes, dtype)

    def __call__(
        self,
        inputs: Float[Array, "B T F"],
        *,
        lengths: Int[Array, " B"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Classified:
        """Runs the model; rates other than 0 need Flax's ``dropout`` key. ``drop_rates``: as in ``Recurrent``."""
        encoded, lengths = self.encoder(inputs, lengths, dropout_rate)
        controls: dict[str, Any] = {"lengths": lengths, "dropout_rate": dropout_rate, **drop_rates}
        outputs = self.stack(self.input_dropout(encoded, dropout_rate), **controls).outputs
        summary, weights = self.pool(outputs, lengths)
        return Classified(self.head(self.summary_dropout(summary, dropout_rate)), weights)
