"""From next-token distributions to sequences: sampling and beam search as pure functions.

Both know a model only as ``step``: (carry, tokens [B]) -> (logits [B, V], carry), and begin from the logits that follow
the prompt.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqlab.core import keys
from seqlab.core.array_types import Array, Bool, Carry, Float, Int, Key, Scalar

Step = Callable[[Carry, Array], tuple[Array, Carry]]


def restrict(logits: Float[Array, "*B V"], *, top_k: int = 0, top_p: Scalar = 1.0) -> Float[Array, "*B V"]:
    """Logits with -inf for all but the most probable tokens; what ties with the least of those kept is kept too.

    Args:
        logits: unnormalised log-probabilities.
        top_k: keep this many of the most probable; 0 keeps all (Fan et al., 2018).
        top_p: keep the smallest set of most probable tokens whose probabilities, among those that ``top_k`` left, sum
            to at least this much, the nucleus (Holtzman et al., 2020); 1 keeps all. The most probable token is always
            kept.

    >>> restrict(jnp.log(jnp.array([0.5, 0.3, 0.2])), top_p=0.6).tolist()[2]
    -inf
    """
    descending = jnp.sort(logits, axis=-1, descending=True)
    if 0 < top_k < logits.shape[-1]:
        least = descending[..., top_k - 1 : top_k]
        logits, descending = (jnp.where(values < least, -jnp.inf, values) for values in (logits, descending))
    probabilities = jax.nn.softmax(descending, axis=-1)
    before = jnp.cumsum(probabilities, axis=-1) - probabilities
    # A token belongs to the nucleus while those before it do not reach top_p; the threshold is the last one that does.
    # A sum of the first few may round to 1 while others are left, so a top_p of 1 is asked for by itself.
    inside = (before < top_p) | (jnp.arange(logits.shape[-1]) == 0) | (jnp.asarray(top_p) >= 1)
    threshold = jnp.where(inside, descending, jnp.inf).min(axis=-1, keepdims=True)
    return jnp.where(logits < threshold, -jnp.inf, logits)


def sample(
    step: Step,
    logits: Float[Array, "B V"],
    carry: Carry,
    key: Key,
    num_tokens: int,
    *,
    temperature: Scalar = 1.0,
    top_k: int = 0,
    top_p: Scalar = 1.0,
) -> Int[Array, "B T"]:
    """Draws ``num_tokens`` tokens one after the other, each from softmax(logits / temperature), restricted.

    A temperature of 0 takes the most probable token each time. Position t of every row draws with the key of step t, so
    a longer sample begins with the shorter one.
    """

    def draw(logits: Array, position: Array) -> Array:
        scaled = restrict(logits / jnp.maximum(temperature, 1e-6), top_k=top_k, top_p=top_p)
        drawn = jax.random.categorical(keys.at_step(key, position), scaled)
        return jnp.where(jnp.asarray(temperature) > 0, drawn, logits.argmax(axis=-1))

    def advance(state: tuple[Array, Carry], position: Array) -> tuple[tuple[Array, Carry], Array]:
        logits, carry = state
        tokens = draw(logits, position)
        return step(carry, tokens), tokens

    _, tokens = jax.lax.scan(advance, (logits, carry), jnp.arange(num_tokens))
    return tokens.T


class Hypotheses(NamedTuple):
    """What beam search found, the most probable first.

    Attributes:
        tokens: K sequences [K, T]; what lies beyond a sequence's length is 0.
        lengths: number of tokens of each, the stop token included [K].
        log_probabilities: sum of the tokens' log-probabilities, in nats [K]; -inf where fewer than K were found. With a
            length penalty it is not they that fall from one to the next, but they over the penalty.
    """

    tokens: Int[Array, "K T"]
    lengths: Int[Array, " K"]
    log_probabilities: Float[Array, " K"]


class _Beam(NamedTuple):
    logits: Array
    carry: Carry
    tokens: Array
    lengths: Array
    log_probabilities: Array
    finished: Array


def beam_search(
    step: Step,
    logits: Float[Array, "1 V"],
    carry: Carry,
    num_tokens: int,
    *,
    width: int,
    stop: Bool[Array, " V"] | None = None,
    length_penalty: float = 0.0,
) -> Hypotheses:
    """Looks for the most probable continuations of one prompt.

    At each step the ``width`` most probable of all one-token extensions are kept. A hypothesis ends at a token of
    ``stop`` or after ``num_tokens`` tokens, and then stays in the beam with its probability. With a width of at least
    V^(T-1) nothing is pruned that could win, and the result is exact.

    Every token makes a sequence less probable, so the most probable one is short. A length penalty alpha compares
    hypotheses Y by log P(Y) / ((5 + |Y|) / 6)^alpha instead (Wu et al., 2016).

    Args:
        step: the model.
        logits: logits of the first token.
        carry: the state after the prompt, of batch 1.
        num_tokens: the longest continuation.
        width: number of hypotheses K.
        stop: which tokens end a hypothesis.
        length_penalty: alpha; 0 compares plain probabilities.

    References:
        Wu et al., Google's neural machine translation system, 2016 (length penalty).
    """
    V, K = logits.shape[-1], width
    stop = jnp.zeros((V,), bool) if stop is None else stop

    def rows(tree: Carry, index: Array) -> Carry:
        return jax.tree.map(lambda leaf: leaf[index], tree)

    def extend(beam: _Beam, position: Array) -> tuple[_Beam, None]:
        log_p = jax.nn.log_softmax(beam.logits, axis=-1)
        # A finished hypothesis has one extension, itself, written as token 0.
        log_p = jnp.where(beam.finished[:, None], jnp.where(jnp.arange(V) == 0, 0.0, -jnp.inf), log_p)
        scores = beam.log_probabilities[:, None] + log_p
        grown = beam.lengths + jnp.where(beam.finished, 0, 1)
        penalty = ((5 + grown[:, None]) / 6) ** length_penalty
        _, flat = jax.lax.top_k((scores / penalty).reshape(-1), K)
        parent, token = flat // V, flat % V
        finished = beam.finished[parent]
        logits, carry = step(rows(beam.carry, parent), token)
        beam = _Beam(
            logits=logits,
            carry=carry,
            tokens=beam.tokens[parent].at[:, position].set(jnp.where(finished, 0, token)),
            lengths=grown[parent],
            log_probabilities=scores.reshape(-1)[flat],
            finished=finished | stop[token],
        )
        return beam, None

    first = jnp.zeros((K,), int)
    beam = _Beam(
        logits=logits[first],
        carry=rows(carry, first),
        tokens=jnp.zeros((K, num_tokens), int),
        lengths=jnp.zeros((K,), int),
        log_probabilities=jnp.where(jnp.arange(K) == 0, 0.0, -jnp.inf),
        finished=jnp.zeros((K,), bool),
    )
    beam, _ = jax.lax.scan(extend, beam, jnp.arange(num_tokens))
    return Hypotheses(beam.tokens, beam.lengths, beam.log_probabilities)
