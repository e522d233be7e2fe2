"""A tagger: a score for every tag of every word, from the words on both sides and from each word's characters.

    [word's embedding, vector from its characters] -> dropout -> recurrent layers, both directions -> dropout -> scores

With a linear-chain CRF as its output layer, neighbouring tags have scores too, and a sentence is tagged as a whole;
with a softmax, each word has probabilities of its own.

References:
    Lample et al., Neural architectures for named entity recognition, 2016; Ma and Hovy, End-to-end sequence labeling
    via bi-directional LSTM-CNNs-CRF, 2016.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int, Scalar
from seqlab.core.errors import unknown_name
from seqlab.core.linear_chain import Transitions, no_transitions
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout, Embedding
from seqlab.layers.characters import CharacterEncoder
from seqlab.layers.config import RecurrentConfig

OUTPUT_LAYERS = ("softmax", "crf")


class Chain(NamedTuple):
    """What a tagger gives.

    Attributes:
        emissions: scores of the tags at each step [B, T, V].
        transitions: scores between them; zeros for a softmax.
    """

    emissions: Float[Array, "B T V"]
    transitions: Transitions


class Tagger(nn.Module):
    """Ids of words and of their characters in, scores of tags out.

    Params: ``embedding``, ``characters`` (where there is an encoder), ``stack``, ``head``, and with a CRF
    ``start`` [V], ``between`` [V, V], ``end`` [V], zeros before training.

    Attributes:
        num_words: size of the vocabulary of words.
        num_characters: size of that of characters.
        num_tags: number V of tags.
        embedding_size: width of a word's embedding.
        character_size: width of a word's vector from its characters.
        char_encoder: a name in ``seqlab.layers.characters.CHARACTER_ENCODERS``.
        output_layer: ``softmax`` or ``crf``.
        recurrent: the recurrent layers.
    """

    num_words: int
    num_characters: int
    num_tags: int
    embedding_size: int
    character_size: int
    char_encoder: str
    output_layer: str
    recurrent: RecurrentConfig

    def setup(self) -> None:
        """Declares the layers."""
        if self.output_layer not in OUTPUT_LAYERS:
            raise unknown_name("output layer", self.output_layer, OUTPUT_LAYERS)
        dtype = product_dtype(self.recurrent.precision)
        self.embedding = Embedding(self.num_words, self.embedding_size, dtype)
        if self.char_encoder != "none":
            self.characters = CharacterEncoder(self.char_encoder, self.num_characters, self.character_size, dtype)
        self.stack = self.recurrent.make()
        self.input_dropout = Dropout(self.recurrent.variational_dropout)
        self.dropout = Dropout(self.recurrent.variational_dropout)
        self.head = Dense(self.num_tags, dtype)
        if self.output_layer == "crf":
            zeros = nn.initializers.zeros
            self.start = self.param("start", zeros, (self.num_tags,))
            self.between = self.param("between", zeros, (self.num_tags, self.num_tags))
            self.end = self.param("end", zeros, (self.num_tags,))

    def __call__(
        self,
        inputs: Int[Array, "B T C"],
        *,
        lengths: Int[Array, " B"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Chain:
        """Runs the model.

        Args:
            inputs: of each word its id, and behind it its characters: their ids plus one, then zeros [B, T, 1 + C].
            lengths: words of each row.
            dropout_rate: of the words' vectors, between layers and before the scores; needs Flax's ``dropout`` key.
            drop_rates: as in ``Recurrent``.
        """
        controls: dict[str, Any] = {"lengths": lengths, "dropout_rate": dropout_rate, **drop_rates}
        vectors = self.embedding(inputs[..., 0])
        if self.char_encoder != "none":
            vectors = jnp.concatenate([vectors, self.characters(inputs[..., 1:])], axis=-1)
        outputs = self.stack(self.input_dropout(vectors, dropout_rate), **controls).outputs
        emissions = self.head(self.dropout(outputs, dropout_rate))
        if self.output_layer == "softmax":
            return Chain(emissions, no_transitions(self.num_tags))
        return Chain(emissions, Transitions(self.start, self.between, self.end))
