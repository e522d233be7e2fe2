"""Many-to-one: a whole sequence is read, then one answer is given.

    embed, or features as they are -> dropout -> recurrent layers -> last state -> dropout -> outputs

The outputs are logits for a classifier and numbers for a regression.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int, Scalar, Shaped
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout, Embedding
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.pooling import last_outputs


class ManyToOne(nn.Module):
    """Token ids [B, T] or features [B, T, F] in, one vector a row out.

    A model that reads in both directions answers from both ends, as each direction ends at one of them.

    Params: ``embedding`` (where there are tokens), ``stack``, ``head``.

    Attributes:
        num_outputs: width D of the answer.
        recurrent: the recurrent layers.
        num_tokens: size of the input vocabulary; 0 for features.
        embedding_size: width of the embedding of tokens.
    """

    num_outputs: int
    recurrent: RecurrentConfig
    num_tokens: int = 0
    embedding_size: int = 64

    def setup(self) -> None:
        """Declares the layers."""
        dtype = product_dtype(self.recurrent.precision)
        if self.num_tokens:
            self.embedding = Embedding(self.num_tokens, self.embedding_size, dtype)
        self.stack = self.recurrent.make()
        self.input_dropout = Dropout(self.recurrent.variational_dropout)
        self.dropout = Dropout(self.recurrent.variational_dropout)
        self.summary_dropout = Dropout()
        self.head = Dense(self.num_outputs, dtype)

    def __call__(
        self,
        inputs: Shaped[Array, "B T *F"],
        *,
        lengths: Int[Array, " B"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Float[Array, "B D"]:
        """Runs the model; rates other than 0 need Flax's ``dropout`` key. ``drop_rates``: as in ``Recurrent``."""
        controls: dict[str, Any] = {"lengths": lengths, "dropout_rate": dropout_rate, **drop_rates}
        features = self.embedding(inputs) if self.num_tokens else inputs
        outputs = self.stack(self.input_dropout(features, dropout_rate), **controls).outputs
        summary = last_outputs(outputs, lengths)
        if self.recurrent.bidirectional:
            summary = jnp.concatenate([summary, outputs[:, 0]], axis=-1)
        return self.head(self.summary_dropout(summary, dropout_rate))
