"""A vector for each word made from its characters, so that words that were never seen have one too.

    recurrent        a forward and a backward LSTM over the characters; their last outputs, side by side
    convolutional    windows of three characters -> dense layer -> relu -> the largest value over the word

References:
    Lample et al., Neural architectures for named entity recognition, 2016 (recurrent); Ma and Hovy, End-to-end sequence
    labeling via bi-directional LSTM-CNNs-CRF, 2016 (convolutional).
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int
from seqlab.core.errors import unknown_name
from seqlab.core.masks import zero_padding
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.dense import Dense
from seqlab.layers.embedding import Embedding

CHARACTER_ENCODERS = ("none", "recurrent", "convolutional")
EMBEDDING_SIZE = 24


class CharacterEncoder(nn.Module):
    """Characters of words in, one vector a word out; a word without characters has zeros.

    Params: ``embedding``; ``stack`` where recurrent, ``convolution`` where convolutional.

    Attributes:
        kind: ``recurrent`` or ``convolutional``.
        num_characters: size of the characters' vocabulary.
        features: width F of a word's vector; even where recurrent.
        dtype: type of the factors of products; see ``seqlab.core.precision``.
    """

    kind: str
    num_characters: int
    features: int
    dtype: Any = None

    def setup(self) -> None:
        """Declares the layers."""
        self.embedding = Embedding(self.num_characters, EMBEDDING_SIZE, self.dtype)
        if self.kind == "recurrent":
            self.stack = RecurrentConfig("lstm", self.features // 2, bidirectional=True).make()
        elif self.kind == "convolutional":
            self.convolution = Dense(self.features, self.dtype)
        else:
            raise unknown_name("character encoder", self.kind, CHARACTER_ENCODERS[1:])

    def __call__(self, characters: Int[Array, "B T C"]) -> Float[Array, "B T F"]:
        """The words' vectors; ``characters`` are ids plus one, and 0 behind a word's last one."""
        *words, width = characters.shape
        flat = characters.reshape(-1, width)
        exists = flat > 0
        embedded = zero_padding(self.embedding(jnp.maximum(flat - 1, 0)), exists)
        encode = self._recurrent if self.kind == "recurrent" else self._convolutional
        return encode(embedded, exists).reshape(*words, self.features)

    def _recurrent(self, embedded: Array, exists: Array) -> Array:
        lengths = exists.sum(axis=1)
        outputs = self.stack(embedded, lengths=lengths).outputs
        last = jnp.take_along_axis(outputs, jnp.maximum(lengths - 1, 0)[:, None, None], axis=1)[:, 0]
        half = self.features // 2
        return jnp.concatenate([last[:, :half], outputs[:, 0, half:]], axis=-1)

    def _convolutional(self, embedded: Array, exists: Array) -> Array:
        padded = jnp.pad(embedded, ((0, 0), (1, 1), (0, 0)))
        windows = jnp.concatenate([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], axis=-1)
        return zero_padding(nn.relu(self.convolution(windows)), exists).max(axis=1)
