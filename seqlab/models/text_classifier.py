"""A classifier of texts: every word is read, the states are pooled, one class is named.

embedding -> dropout -> recurrent layers, in one direction or both -> pooling -> dropout -> logits
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int, Scalar
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout, Embedding
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.pooling import Pooling

UNKNOWN_ID = 0


class Classified(NamedTuple):
    """What the classifier answers.

    Attributes:
        logits: of the classes [B, V].
        weights: how much of each word is in the answer [B, T]; see ``seqlab.layers.pooling``.
    """

    logits: Float[Array, "B V"]
    weights: Float[Array, "B T"]


class TextClassifier(nn.Module):
    """Token ids [B, T] in, logits out.

    Params: ``embedding``, ``stack``, ``pool`` (with attention alone), ``head``.

    Attributes:
        num_tokens: size of the vocabulary.
        num_classes: number V of classes.
        embedding_size: width of the embedding.
        recurrent: the recurrent layers.
        pooling: a name in ``seqlab.layers.pooling.POOLINGS``.
        word_dropout_rate: share of the words that are read as unknown in training, so that the model does not lean on
            single words; it acts where there are ``dropout`` keys.
    """

    num_tokens: int
    num_classes: int
    embedding_size: int
    recurrent: RecurrentConfig
    pooling: str = "last"
    word_dropout_rate: float = 0.0

    def setup(self) -> None:
        """Declares the layers."""
        dtype = product_dtype(self.recurrent.precision)
        self.embedding = Embedding(self.num_tokens, self.embedding_size, dtype)
        self.stack = self.recurrent.make()
        self.pool = Pooling(self.pooling, self.recurrent.bidirectional, dtype=dtype)
        self.input_dropout = Dropout(self.recurrent.variational_dropout)
        self.summary_dropout = Dropout()
        self.head = Dense(self.num_classes, dtype)

    def __call__(
        self,
        inputs: Int[Array, "B T"],
        *,
        lengths: Int[Array, " B"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Classified:
        """Runs the model; rates other than 0 need Flax's ``dropout`` key. ``drop_rates``: as in ``Recurrent``."""
        if self.word_dropout_rate and self.has_rng("dropout"):
            unknown = jax.random.bernoulli(self.make_rng("dropout"), self.word_dropout_rate, inputs.shape)
            inputs = jnp.where(unknown, UNKNOWN_ID, inputs)
        vectors = self.input_dropout(self.embedding(inputs), dropout_rate)
        controls: dict[str, Any] = {"lengths": lengths, "dropout_rate": dropout_rate, **drop_rates}
        outputs = self.stack(vectors, **controls).outputs
        summary, weights = self.pool(outputs, lengths)
        return Classified(self.head(self.summary_dropout(summary, dropout_rate)), weights)
