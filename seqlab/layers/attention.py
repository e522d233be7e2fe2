"""Attention: for each query a weighted mean of a memory, its weights from how well query and memory fit.

    a_ut = softmax over t of score(q_u, m_t)      context_u = sum_t a_ut m_t

    additive         score = v . tanh(q W_q + m W_m + b)      Bahdanau et al., 2015
    multiplicative   score = q . (m W_m)                      Luong et al., 2015, "general"

What depends on the memory alone, m W_m (+ b), is computed once as its keys: a decoder asks many times.

References:
    Bahdanau, Cho and Bengio, Neural machine translation by jointly learning to align and translate, 2015; Luong, Pham
    and Manning, Effective approaches to attention-based neural machine translation, 2015.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float
from seqlab.core.errors import unknown_name
from seqlab.core.masks import zero_padding
from seqlab.core.precision import dot

ATTENTIONS = ("additive", "multiplicative")


class Memory(NamedTuple):
    """What can be attended to.

    Attributes:
        values: the vectors that are averaged [B, T, D]; zeros at padding.
        keys: what queries are compared with [B, T, A].
        mask: which of them exist [B, T].
    """

    values: Float[Array, "B T D"]
    keys: Float[Array, "B T A"]
    mask: Bool[Array, "B T"]


class Attended(NamedTuple):
    """What attention gives.

    Attributes:
        context: the weighted means [B, U, D]; zeros where no memory exists.
        weights: the weights [B, U, T]; each row sums to one, zeros at padding.
    """

    context: Float[Array, "B U D"]
    weights: Float[Array, "B U T"]


class Attention(nn.Module):
    """Attends from queries [B, U, H] to a memory.

    Params: ``memory_kernel`` W_m [D, A]; with ``additive`` also ``query_kernel`` W_q [H, A], ``bias`` b [A] and
    ``score`` v [A].

    Attributes:
        kind: a name in ``ATTENTIONS``.
        query_size: width H of a query; it is the width A of the keys too.
        memory_size: width D of the memory.
        dtype: type of the factors of products with kernels; see ``seqlab.core.precision``.

    Raises:
        SeqlabError: for an unknown ``kind``.
    """

    kind: str
    query_size: int
    memory_size: int
    dtype: Any = None

    def __post_init__(self) -> None:
        """Checks the name."""
        super().__post_init__()
        if self.kind not in ATTENTIONS:
            raise unknown_name("attention", self.kind, ATTENTIONS)

    def setup(self) -> None:
        """Declares the params."""
        A, glorot = self.query_size, nn.initializers.glorot_uniform()
        self.memory_kernel = self.param("memory_kernel", glorot, (self.memory_size, A))
        if self.kind == "additive":
            self.query_kernel = self.param("query_kernel", glorot, (self.query_size, A))
            self.bias = self.param("bias", nn.initializers.zeros, (A,))
            self.score = self.param("score", nn.initializers.normal(A**-0.5), (A,))

    def remember(self, values: Float[Array, "B T D"], mask: Bool[Array, "B T"]) -> Memory:
        """The memory of these vectors; what stands at padding does not matter."""
        values = zero_padding(values, mask)
        keys = dot(values, self.memory_kernel, self.dtype)
        return Memory(values, keys + self.bias if self.kind == "additive" else keys, mask)

    def __call__(self, queries: Float[Array, "B U H"], memory: Memory) -> Attended:
        """The context of each query."""
        if self.kind == "additive":
            asked = dot(queries, self.query_kernel, self.dtype)
            scores = jnp.tanh(asked[:, :, None] + memory.keys[:, None]) @ self.score
        else:
            scores = jnp.einsum("buh,bth->but", queries, memory.keys)
        exists = memory.mask[:, None]
        # A finite number in place of minus infinity: a memory of length 0 has no softmax.
        weights = jax.nn.softmax(jnp.where(exists, scores, jnp.finfo(scores.dtype).min), axis=-1)
        weights = jnp.where(exists, weights, 0.0)
        return Attended(jnp.einsum("but,btd->bud", weights, memory.values), weights)
