"""Pooling: the outputs of all time steps as one vector, over the steps that exist.

    last        h_n, and of a layer in both directions each direction's own last: [forward h_n, backward h_1]
    mean        sum_t h_t / n
    max         max_t h_t, feature by feature
    attention   sum_t a_t h_t,   a = softmax over t of v . tanh(W h_t + b)

Each also says how much of every step is in the vector, as weights [B, T] that sum to one: those of the formula, and for
``max`` the share of the features that a step has the first maximum of. A row of length 0 gives zeros.

References:
    Yang et al., Hierarchical attention networks for document classification, 2016 (attention); Conneau et al.,
    Supervised learning of universal sentence representations, 2017 (max).
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float, Int
from seqlab.core.errors import unknown_name
from seqlab.core.masks import lengths_to_mask, zero_padding
from seqlab.layers.dense import Dense

POOLINGS = ("last", "mean", "max", "attention")


class Pooled(NamedTuple):
    """What pooling gives.

    Attributes:
        summary: one vector a row [B, D].
        weights: how much of each step is in it [B, T]; zero at padding.
    """

    summary: Float[Array, "B D"]
    weights: Float[Array, "B T"]


def last_outputs(outputs: Float[Array, "B T H"], lengths: Int[Array, " B"] | None) -> Float[Array, "B H"]:
    """The outputs at each row's last step; those of a row of length 0 are its padding's, which the layers make zero.

    >>> last_outputs(jnp.arange(6.0).reshape(2, 3, 1), jnp.array([1, 3])).tolist()
    [[0.0], [5.0]]
    """
    if lengths is None:
        return outputs[:, -1]
    last = jnp.maximum(lengths - 1, 0)
    return jnp.take_along_axis(outputs, last[:, None, None], axis=1)[:, 0]


def last_pooling(outputs: Float[Array, "B T H"], mask: Bool[Array, "B T"], bidirectional: bool = False) -> Pooled:
    """The last step that exists; where there are two directions, side by side, that of each."""
    lengths = mask.sum(axis=1, dtype=jnp.int32)
    weights = zero_padding((jnp.arange(mask.shape[1]) == lengths[:, None] - 1).astype(outputs.dtype), mask)
    last = last_outputs(outputs, lengths)
    if not bidirectional:
        return Pooled(last, weights)
    half = outputs.shape[-1] // 2
    first = zero_padding((jnp.arange(mask.shape[1]) == 0)[None].astype(outputs.dtype), mask)
    return Pooled(jnp.concatenate([last[:, :half], outputs[:, 0, half:]], axis=-1), (weights + first) / 2)


def mean_pooling(outputs: Float[Array, "B T H"], mask: Bool[Array, "B T"]) -> Pooled:
    """The mean over the steps that exist."""
    count = jnp.maximum(mask.sum(axis=1, keepdims=True), 1).astype(outputs.dtype)
    weights = mask.astype(outputs.dtype) / count
    return Pooled(jnp.einsum("bt,bth->bh", weights, outputs), weights)


def max_pooling(outputs: Float[Array, "B T H"], mask: Bool[Array, "B T"]) -> Pooled:
    """The maximum over the steps that exist, feature by feature."""
    candidates = jnp.where(mask[..., None], outputs, -jnp.inf)
    is_first = candidates.argmax(axis=1)[:, None] == jnp.arange(mask.shape[1])[None, :, None]
    exists = mask.any(axis=1)
    summary = zero_padding(candidates.max(axis=1), exists)
    return Pooled(summary, zero_padding(is_first.mean(axis=-1, dtype=outputs.dtype), mask))


def attention_pooling(outputs: Float[Array, "B T H"], scores: Float[Array, "B T"], mask: Bool[Array, "B T"]) -> Pooled:
    """The mean weighted by the softmax of ``scores`` over the steps that exist.

    >>> scores, mask = jnp.array([[0.0, 0.0, 9.0]]), jnp.array([[True, True, False]])
    >>> attention_pooling(jnp.arange(6.0).reshape(1, 3, 2), scores, mask).weights.tolist()
    [[0.5, 0.5, 0.0]]
    """
    # A finite number in place of minus infinity: a row of length 0 has no softmax.
    scores = jnp.where(mask, scores, jnp.finfo(scores.dtype).min)
    weights = zero_padding(jax.nn.softmax(scores, axis=-1), mask)
    return Pooled(jnp.einsum("bt,bth->bh", weights, outputs), weights)


class Pooling(nn.Module):
    """Pools outputs [B, T, H] over the steps that exist.

    Params: with ``attention`` alone ``hidden`` (kernel W [H, A], bias b [A]) and ``context`` v [A].

    Attributes:
        kind: a name in ``POOLINGS``.
        bidirectional: whether the two halves of H are two directions of time; ``last`` alone minds.
        attention_size: width A of the attention.
        dtype: type of the factors of W h_t; see ``seqlab.core.precision``.

    Raises:
        SeqlabError: for an unknown ``kind``.
    """

    kind: str = "last"
    bidirectional: bool = False
    attention_size: int = 64
    dtype: Any = None

    def __post_init__(self) -> None:
        """Checks the name."""
        super().__post_init__()
        if self.kind not in POOLINGS:
            raise unknown_name("pooling", self.kind, POOLINGS)

    @nn.compact
    def __call__(self, outputs: Float[Array, "B T H"], lengths: Int[Array, " B"] | None = None) -> Pooled:
        """The vector of each row; what stands at padding does not matter."""
        batch_size, num_steps = outputs.shape[:2]
        if lengths is None:
            lengths = jnp.full(batch_size, num_steps, jnp.int32)
        mask = lengths_to_mask(lengths, num_steps)
        outputs = zero_padding(outputs, mask)
        if self.kind == "last":
            return last_pooling(outputs, mask, self.bidirectional)
        if self.kind == "mean":
            return mean_pooling(outputs, mask)
        if self.kind == "max":
            return max_pooling(outputs, mask)
        hidden = jnp.tanh(Dense(self.attention_size, self.dtype, name="hidden")(outputs))
        context = self.param("context", nn.initializers.normal(self.attention_size**-0.5), (self.attention_size,))
        return attention_pooling(outputs, hidden @ context, mask)
