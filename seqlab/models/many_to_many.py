"""Aligned many-to-many: one output for every input, T_x = T_y.

    embed -> dropout -> recurrent layers -> dropout -> logits

With targets one step ahead of the inputs it is a language model; with labels as targets, a tagger.
"""

from typing import Any, NamedTuple

import flax.linen as nn

from seqlab.core.array_types import Array, Carry, Float, Int, Key, Params, Scalar
from seqlab.core.errors import SeqlabError
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout, Embedding
from seqlab.layers.config import RecurrentConfig


class Aligned(NamedTuple):
    """What an aligned model gives.

    Attributes:
        logits: unnormalised log-probabilities at each step [B, T, V].
        carry: the state after each sequence's last step, one entry a layer.
    """

    logits: Float[Array, "B T V"]
    carry: Carry


class ManyToMany(nn.Module):
    """Token ids in, logits out, at every time step.

    Params: ``embedding``, ``stack``, ``head`` (a dense layer to V; with tied embeddings one to the embedding's width,
    and ``head_bias`` [V]).

    Attributes:
        num_tokens: size of the input vocabulary.
        num_classes: number V of output classes.
        embedding_size: width F of the embedding.
        recurrent: the recurrent layers.
        tied_embeddings: whether the embedding is the output layer too; needs num_classes = num_tokens.

    Raises:
        SeqlabError: tied embeddings with another number of classes than of tokens, or a wrong ``recurrent``.
    """

    num_tokens: int
    num_classes: int
    embedding_size: int
    recurrent: RecurrentConfig
    tied_embeddings: bool = False

    def setup(self) -> None:
        """Declares the layers."""
        if self.tied_embeddings and self.num_classes != self.num_tokens:
            raise SeqlabError(
                f"tied embeddings need num_classes = num_tokens = {self.num_tokens}; got {self.num_classes}."
            )
        dtype = product_dtype(self.recurrent.precision)
        self.embedding = Embedding(self.num_tokens, self.embedding_size, dtype)
        self.stack = self.recurrent.make()
        self.dropout = Dropout(self.recurrent.variational_dropout)
        if self.tied_embeddings:
            self.head = Dense(self.embedding_size, dtype)
            self.head_bias = self.param("head_bias", nn.initializers.zeros, (self.num_classes,))
        else:
            self.head = Dense(self.num_classes, dtype)

    def __call__(
        self,
        ids: Int[Array, "B T"],
        *,
        initial_carry: Carry = None,
        lengths: Int[Array, " B"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Aligned:
        """Runs the model; rates other than 0 need Flax's ``dropout`` key. ``drop_rates``: as in ``Recurrent``."""
        controls: dict[str, Any] = {"initial_carry": initial_carry, "lengths": lengths, **drop_rates}
        inputs = self.dropout(self.embedding(ids), dropout_rate)
        outputs, carry, _ = self.stack(inputs, dropout_rate=dropout_rate, **controls)
        features = self.head(self.dropout(outputs, dropout_rate))
        logits = self.embedding.attend(features) + self.head_bias if self.tied_embeddings else features
        return Aligned(logits, carry)

    @nn.nowrap
    def initialize_carry(self, key: Key, batch_size: int) -> Carry:
        """The state before the first step of a batch where none is learned."""
        return self.recurrent.make().initialize_carry(key, batch_size)

    @nn.nowrap
    def fresh_carry(self, params: Params, batch_size: int) -> Carry:
        """The state before the first step of a batch: the learned one, where params hold any."""
        return self.recurrent.make().fresh_carry(params["stack"], batch_size)
