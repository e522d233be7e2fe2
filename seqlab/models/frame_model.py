"""Aligned many-to-many over vectors of zeros and ones: at each step the probability of every entry of the next one.

    dense -> dropout -> recurrent layers -> dropout -> logits

Given the frames before, the entries of a frame are independent: P(x_t | x_1 ... x_{t-1}) is a product of sigmoids. What
such a model draws can therefore hold notes that are probable each for itself and not together.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.core import keys
from seqlab.core.array_types import Array, Carry, Float, Int, Key, Scalar
from seqlab.core.precision import product_dtype
from seqlab.layers import Dense, Dropout
from seqlab.layers.config import RecurrentConfig
from seqlab.models.many_to_many import Aligned

# (carry, frames [B, K]) -> (logits of the next frames [B, K], carry).
FrameStep = Callable[[Carry, Array], tuple[Array, Carry]]


class FrameModel(nn.Module):
    """Frames in, logits of K keys out, at every time step.

    Params: ``embedding`` and ``head`` (dense layers), ``stack``.

    Attributes:
        num_keys: number K of entries of a frame that is predicted.
        embedding_size: width of the dense layer below the recurrence.
        recurrent: the recurrent layers.
    """

    num_keys: int
    embedding_size: int
    recurrent: RecurrentConfig

    def setup(self) -> None:
        """Declares the layers."""
        dtype = product_dtype(self.recurrent.precision)
        self.embedding = Dense(self.embedding_size, dtype)
        self.stack = self.recurrent.make()
        self.dropout = Dropout(self.recurrent.variational_dropout)
        self.head = Dense(self.num_keys, dtype)

    def __call__(
        self,
        inputs: Float[Array, "B T F"],
        *,
        initial_carry: Carry = None,
        lengths: Int[Array, " B"] | None = None,
        dropout_rate: Scalar = 0.0,
        **drop_rates: Scalar,
    ) -> Aligned:
        """Runs the model; rates other than 0 need Flax's ``dropout`` key. ``drop_rates``: as in ``Recurrent``."""
        controls: dict[str, Any] = {"initial_carry": initial_carry, "lengths": lengths, **drop_rates}
        embedded = self.dropout(self.embedding(inputs), dropout_rate)
        outputs, carry, _ = self.stack(embedded, dropout_rate=dropout_rate, **controls)
        return Aligned(self.head(self.dropout(outputs, dropout_rate)), carry)


def sample_frames(
    step: FrameStep,
    logits: Float[Array, "B K"],
    carry: Carry,
    key: Key,
    num_frames: int,
    *,
    temperature: Scalar = 1.0,
) -> Float[Array, "B T K"]:
    """Draws ``num_frames`` frames one after the other, each entry from sigmoid(logit / temperature).

    A temperature of 0 takes the entries that are more probable than not. Frame t of every row draws with the key of
    step t, so a longer sample begins with the shorter one.
    """

    def draw(logits: Array, position: Array) -> Array:
        scaled = logits / jnp.maximum(temperature, 1e-6)
        drawn = jax.random.bernoulli(keys.at_step(key, position), jax.nn.sigmoid(scaled))
        return jnp.where(jnp.asarray(temperature) > 0, drawn, logits > 0).astype(logits.dtype)

    def advance(state: tuple[Array, Carry], position: Array) -> tuple[tuple[Array, Carry], Array]:
        logits, carry = state
        frame = draw(logits, position)
        return step(carry, frame), frame

    _, frames = jax.lax.scan(advance, (logits, carry), jnp.arange(num_frames))
    return frames.swapaxes(0, 1)
