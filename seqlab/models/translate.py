"""Translation with a trained encoder and decoder: beam search over the targets of a batch of sources.

A width of 1 is greedy decoding. The unknown token is never written, and the boundary token ends a target.
"""

from typing import Any

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Carry, Float, Int, Params
from seqlab.models.decoding import Hypotheses, beam_search
from seqlab.models.encoder_decoder import Encoded, EncoderDecoder

UNKNOWN_ID, BOUNDARY_ID = 0, 1


def translate(
    model: EncoderDecoder,
    params: Params,
    sources: Int[Array, "B T"],
    lengths: Int[Array, " B"],
    *,
    num_tokens: int,
    width: int,
    length_penalty: float = 0.0,
) -> Hypotheses:
    """The targets that beam search finds for each source, its best first.

    Args:
        model: the model.
        params: its params.
        sources: ids.
        lengths: tokens of each source.
        num_tokens: the longest target U.
        width: hypotheses K a source.
        length_penalty: see ``seqlab.models.decoding.beam_search``.

    Returns:
        As ``beam_search``, with a first axis for the sources: tokens [B, K, U].
    """
    apply: Any = model.apply
    variables = {"params": params}
    encoded = apply(variables, sources, lengths, method="encode")

    def search(encoded: Encoded) -> Hypotheses:
        def step(carry: Carry, tokens: Array) -> tuple[Array, Carry]:
            # Every hypothesis has the same source.
            rows = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(tokens), *leaf.shape)), encoded)
            decoded = apply(variables, rows, tokens[:, None], carry=carry, method="decode")
            return decoded.logits[:, 0].at[:, UNKNOWN_ID].set(-jnp.inf), decoded.carry

        stop = jnp.arange(model.num_target_tokens) == BOUNDARY_ID
        first = jax.tree.map(lambda leaf: leaf[None], encoded.carry)
        logits, carry = step(first, jnp.array([BOUNDARY_ID], jnp.int32))
        return beam_search(step, logits, carry, num_tokens, width=width, stop=stop, length_penalty=length_penalty)

    return jax.vmap(search)(encoded)


def align(
    model: EncoderDecoder,
    params: Params,
    sources: Int[Array, "B T"],
    targets: Int[Array, "B U"],
    lengths: Int[Array, " B"],
) -> Float[Array, "B U T"]:
    """Where attention looks at each token of a target; zeros for a model without attention."""
    apply: Any = model.apply
    decoded = apply({"params": params}, sources, shifted(targets), lengths=lengths)
    return jnp.zeros((*targets.shape, sources.shape[1])) if decoded.weights is None else decoded.weights


def shifted(targets: Int[Array, "B U"]) -> Int[Array, "B U"]:
    """What the decoder reads to predict the targets: the boundary token, and all targets but the last.

    >>> shifted(jnp.array([[5, 6, 1]])).tolist()
    [[1, 5, 6]]
    """
    return jnp.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=BOUNDARY_ID)
