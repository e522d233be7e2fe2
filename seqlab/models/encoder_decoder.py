"""Encoder and decoder: sequences to sequences of another length, as in translation.

    encoder   m_1 ... m_T = recurrent layers over the source, both directions;   s = last states of both
    decoder   h_u = recurrent layers over the target so far, from a first state made of s
    readout   o_u = tanh([h_u, context_u] W),   logits_u = o_u E

The context is what attention finds in m for the query h_u; without attention it is s at every step (Cho et al., 2014).
Attention comes after the recurrence and is not fed back into it (Luong et al., 2015): so in training, where the target
is known, the decoder is one unrolled recurrence, by any engine, and attention a few large products.

References:
    Sutskever et al., Sequence to sequence learning with neural networks, 2014; Cho et al., Learning phrase
    representations using RNN encoder-decoder, 2014; Luong et al., Effective approaches to attention-based neural
    machine translation, 2015.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Carry, Float, Int, Scalar
from seqlab.core.errors import unknown_name
from seqlab.core.masks import lengths_to_mask
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout, Embedding
from seqlab.layers.attention import ATTENTIONS, Attention, Memory
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.pooling import last_pooling

CONTEXTS = ("none", *ATTENTIONS)


class Encoded(NamedTuple):
    """What the decoder knows of a source.

    Attributes:
        summary: the last states of both directions [B, D].
        memory: what can be attended to; ``None`` without attention.
        carry: the decoder's first state.
    """

    summary: Float[Array, "B D"]
    memory: Memory | None
    carry: Carry


class Decoded(NamedTuple):
    """What the decoder gives.

    Attributes:
        logits: of the token after each that was read [B, U, V].
        carry: the state after each row's last token.
        weights: of attention [B, U, T]; ``None`` without it.
    """

    logits: Float[Array, "B U V"]
    carry: Carry
    weights: Float[Array, "B U T"] | None


class EncoderDecoder(nn.Module):
    """Source ids [B, T] and target ids [B, U] in, logits of the next target token at each step out.

    Params: ``source_embedding``, ``target_embedding``, ``encoder``, ``decoder``, ``attend`` (with attention),
    ``bridge_0`` ... (one for each leaf of the decoder's state), ``readout``, ``head`` or, tied, ``head_bias``.

    Attributes:
        num_source_tokens: size of the source's vocabulary.
        num_target_tokens: size V of the target's.
        embedding_size: width of both embeddings.
        recurrent: the layers of the decoder, and of each direction of the encoder.
        attention: ``none``, or a name in ``seqlab.layers.attention.ATTENTIONS``.
        tied_embeddings: whether the target's embedding is the output layer too.
    """

    num_source_tokens: int
    num_target_tokens: int
    embedding_size: int
    recurrent: RecurrentConfig
    attention: str = "additive"
    tied_embeddings: bool = False

    def setup(self) -> None:
        """Declares the layers."""
        if self.attention not in CONTEXTS:
            raise unknown_name("attention", self.attention, CONTEXTS)
        dtype = product_dtype(self.recurrent.precision)
        self.source_embedding = Embedding(self.num_source_tokens, self.embedding_size, dtype)
        self.target_embedding = Embedding(self.num_target_tokens, self.embedding_size, dtype)
        both_ways, one_way = (replace(self.recurrent, bidirectional=both) for both in (True, False))
        self.encoder, self.decoder = both_ways.make(), one_way.make()
        first = jax.eval_shape(lambda: self.decoder.initialize_carry(jax.random.key(0), 1))
        self.bridge = [Dense(leaf.shape[-1], dtype) for leaf in jax.tree.leaves(first)]
        if self.attention != "none":
            self.attend = Attention(self.attention, one_way.output_size, both_ways.output_size, dtype)
        self.input_dropout = Dropout(self.recurrent.variational_dropout)
        self.dropout = Dropout(self.recurrent.variational_dropout)
        self.readout = Dense(self.embedding_size if self.tied_embeddings else self.recurrent.hidden_size, dtype)
        if self.tied_embeddings:
            self.head_bias = self.param("head_bias", nn.initializers.zeros, (self.num_target_tokens,))
        else:
            self.head = Dense(self.num_target_tokens, dtype)

    def encode(
        self,
        sources: Int[Array, "B T"],
        lengths: Int[Array, " B"],
        *,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Encoded:
        """Reads the sources; the rates are as in ``__call__``."""
        vectors = self.input_dropout(self.source_embedding(sources), dropout_rate)
        controls: dict[str, Any] = {"lengths": lengths, "dropout_rate": dropout_rate, **drop_rates}
        outputs = self.encoder(vectors, **controls).outputs
        mask = lengths_to_mask(lengths, sources.shape[1])
        summary = last_pooling(outputs, mask, bidirectional=True).summary
        memory = self.attend.remember(outputs, mask) if self.attention != "none" else None
        first = jax.eval_shape(lambda: self.decoder.initialize_carry(jax.random.key(0), len(sources)))
        leaves, structure = jax.tree.flatten(first)
        made = [jnp.tanh(layer(summary)).astype(leaf.dtype) for layer, leaf in zip(self.bridge, leaves, strict=True)]
        return Encoded(summary, memory, structure.unflatten(made))

    def decode(
        self,
        encoded: Encoded,
        inputs: Int[Array, "B U"],
        *,
        carry: Carry = None,
        lengths: Int[Array, " B"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Decoded:
        """Reads target tokens, from the first state or from ``carry``."""
        vectors = self.input_dropout(self.target_embedding(inputs), dropout_rate)
        controls: dict[str, Any] = {"lengths": lengths, "dropout_rate": dropout_rate, **drop_rates}
        first = encoded.carry if carry is None else carry
        outputs, carry, _ = self.decoder(vectors, initial_carry=first, **controls)
        if encoded.memory is None:
            context = jnp.broadcast_to(encoded.summary[:, None], (*inputs.shape, encoded.summary.shape[-1]))
            weights = None
        else:
            context, weights = self.attend(outputs, encoded.memory)
        features = jnp.tanh(self.readout(jnp.concatenate([outputs, context], axis=-1)))
        features = self.dropout(features, dropout_rate)
        tied = self.tied_embeddings
        logits = self.target_embedding.attend(features) + self.head_bias if tied else self.head(features)
        return Decoded(logits, carry, weights)

    def __call__(
        self,
        sources: Int[Array, "B T"],
        inputs: Int[Array, "B U"],
        *,
        lengths: Int[Array, " B"],
        target_lengths: Int[Array, " B"] | None = None,
        **drop_rates: Scalar,
    ) -> Decoded:
        """Teacher forcing: every target token is predicted from the true ones before it.

        Args:
            sources: ids.
            inputs: the boundary token and the target but for its last token.
            lengths: tokens of each source.
            target_lengths: tokens of each row of ``inputs``.
            drop_rates: ``dropout_rate``, of embeddings, between layers and before the logits, and those of
                ``Recurrent``; rates other than 0 need Flax's ``dropout`` key.
        """
        return self.decode(self.encode(sources, lengths, **drop_rates), inputs, lengths=target_lengths, **drop_rates)
