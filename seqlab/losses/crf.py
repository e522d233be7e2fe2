"""Linear-chain conditional random field: the probability of a whole sequence of tags.

    P(y | x) = exp(score(y)) / sum over all y' of exp(score(y'))

The score is that of `seqlab.core.linear_chain`. The sum over all V^n sequences takes n V^2 steps by the forward
recursion, here in logarithms,

    alpha_1 = start + emissions_1
    alpha_t[j] = emissions_t[j] + log sum_i exp(alpha_{t-1}[i] + between[i, j])

and its gradient is the expected number of times that a tag, or a pair of neighbours, occurs.

References:
    Lafferty et al., Conditional random fields, 2001.
"""

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int
from seqlab.core.linear_chain import Transitions
from seqlab.core.masks import lengths_to_mask, zero_padding
from seqlab.losses.cross_entropy import WeightedSum


def crf_negative_log_likelihood(
    emissions: Float[Array, "B T V"],
    targets: Int[Array, "B T"],
    transitions: Transitions,
    lengths: Int[Array, " B"] | None = None,
) -> WeightedSum:
    """Sum of -log P(targets) over the rows, in nats, and their number of time steps.

    Padding may hold anything; a row of length 0 adds nothing.

    >>> transitions = Transitions(jnp.zeros(2), jnp.zeros((2, 2)), jnp.zeros(2))
    >>> loss = crf_negative_log_likelihood(jnp.zeros((1, 3, 2)), jnp.array([[0, 1, 1]]), transitions)
    >>> round(float(loss.total / jnp.log(2.0)), 5), float(loss.weight)  # One of 2^3 paths.
    (3.0, 3.0)
    """
    nats = crf_log_partition(emissions, transitions, lengths) - crf_path_score(emissions, targets, transitions, lengths)
    num_steps = jnp.array(targets.size) if lengths is None else lengths.sum()
    return WeightedSum(nats.sum(), num_steps.astype(nats.dtype))


def crf_log_partition(
    emissions: Float[Array, "B T V"], transitions: Transitions, lengths: Int[Array, " B"] | None = None
) -> Float[Array, " B"]:
    """The logarithm of the sum of exp(score) over all paths of each row; 0 for a row of length 0."""
    mask = _mask(emissions, lengths)
    emissions = zero_padding(emissions, mask)

    def step(alpha: Array, now: tuple[Array, Array]) -> tuple[Array, None]:
        emission, exists = now
        after = emission + jax.nn.logsumexp(alpha[:, :, None] + transitions.between, axis=1)
        return jnp.where(exists[:, None], after, alpha), None

    rest = emissions[:, 1:].swapaxes(0, 1), mask[:, 1:].swapaxes(0, 1)
    alpha, _ = jax.lax.scan(step, transitions.start + emissions[:, 0], rest)
    return jnp.where(mask[:, 0], jax.nn.logsumexp(alpha + transitions.end, axis=-1), 0.0)


def crf_path_score(
    emissions: Float[Array, "B T V"],
    tags: Int[Array, "B T"],
    transitions: Transitions,
    lengths: Int[Array, " B"] | None = None,
) -> Float[Array, " B"]:
    """The score of one path of each row; 0 for a row of length 0."""
    mask = _mask(emissions, lengths)
    tags = zero_padding(tags, mask)
    is_tag = tags[..., None] == jnp.arange(emissions.shape[-1], dtype=tags.dtype)
    emitted = jnp.where(is_tag & mask[..., None], emissions, 0.0).sum(axis=(1, 2))
    moved = jnp.where(mask[:, 1:], transitions.between[tags[:, :-1], tags[:, 1:]], 0.0).sum(axis=1)
    last = jnp.take_along_axis(tags, jnp.maximum(mask.sum(axis=1, keepdims=True) - 1, 0), axis=1)[:, 0]
    return jnp.where(mask[:, 0], transitions.start[tags[:, 0]] + emitted + moved + transitions.end[last], 0.0)


def _mask(emissions: Array, lengths: Array | None) -> Array:
    num_rows, num_steps = emissions.shape[:2]
    lengths = jnp.full(num_rows, num_steps) if lengths is None else lengths
    return lengths_to_mask(lengths, num_steps)
