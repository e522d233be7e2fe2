"""Embedding: a learned vector for each token, e_f = E o_f for the one-hot o_f, done as a look-up.

The same table can serve as the output layer (Press and Wolf, 2017): logits are inner products with every embedding.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int
from seqlab.core.precision import dot


class Embedding(nn.Module):
    """Looks up rows of a table; ids must be checked on the host, JAX clips what is out of range without a word.

    Params: embedding E [V, F], uniform in +-0.1 * sqrt(3), that is of standard deviation 0.1.

    Attributes:
        num_tokens: size V of the vocabulary.
        features: width F of a vector.
        dtype: type of the factors in ``attend``; see ``seqlab.core.precision``.

    References:
        Press and Wolf, Using the output embedding to improve language models, 2017.
    """

    num_tokens: int
    features: int
    dtype: Any = None

    def setup(self) -> None:
        """Declares the table."""
        scale = 0.1 * 3**0.5

        def uniform(key: Array, shape: tuple[int, ...]) -> Array:
            return nn.initializers.uniform(2 * scale)(key, shape) - scale

        self.embedding = self.param("embedding", uniform, (self.num_tokens, self.features))

    def __call__(self, ids: Int[Array, "*B"]) -> Float[Array, "*B F"]:
        """The vectors of these tokens."""
        return jnp.take(self.embedding, ids, axis=0, mode="clip")

    def attend(self, inputs: Float[Array, "*B F"]) -> Float[Array, "*B V"]:
        """Inner products with the vector of every token: tied output weights."""
        return dot(inputs, self.embedding.T, self.dtype)
