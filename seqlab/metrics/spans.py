"""Precision, recall and F1 of entities, as they are scored since CoNLL-2000.

An entity counts as found where its first word, its last word and its type are all right.

    precision = correct / predicted     recall = correct / true     F1 = 2 correct / (predicted + true)

Each is a quotient of counts, and so a ``Mean`` that adds up over batches to the score of the whole split.
"""

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Int
from seqlab.core.masks import zero_padding
from seqlab.metrics.accumulate import Mean, Metrics


def entity_scores(
    predicted: Int[Array, "B T"],
    targets: Int[Array, "B T"],
    begins: Bool[Array, " V"],
    inside: Bool[Array, " V"],
    mask: Bool[Array, "B T"] | None = None,
) -> Metrics:
    """``entity_precision``, ``entity_recall`` and ``entity_f1`` of legal BIO tags.

    Args:
        predicted: ids of tags.
        targets: ids of the right ones.
        begins: which ids are ``B-`` tags; each type has one of its own.
        inside: which ids are ``I-`` tags.
        mask: which words exist.

    >>> begins, inside = jnp.array([False, True, False]), jnp.array([False, False, True])
    >>> scores = entity_scores(jnp.array([[1, 2, 0, 1]]), jnp.array([[1, 2, 0, 0]]), begins, inside)
    >>> scores["entity_precision"].compute(), scores["entity_recall"].compute()
    (0.5, 1.0)
    """
    ours, theirs = (_begin_and_end(tags, begins, inside, mask) for tags in (predicted, targets))
    right = ours[0] & theirs[0] & (predicted == targets) & (ours[1] == theirs[1])
    num_right, num_ours, num_theirs = (found.sum(dtype=jnp.float32) for found in (right, ours[0], theirs[0]))
    return {
        "entity_precision": Mean(num_right, num_ours),
        "entity_recall": Mean(num_right, num_theirs),
        "entity_f1": Mean(2 * num_right, num_ours + num_theirs),
    }


def _begin_and_end(tags: Array, begins: Array, inside: Array, mask: Array | None) -> tuple[Array, Array]:
    """Whether an entity begins at each word, and where the one that began there would end, both [B, T]."""
    begin, within = (zero_padding(kind[tags], mask) for kind in (begins, inside))
    num_words = tags.shape[1]
    outside = jnp.where(within, num_words, jnp.arange(num_words))
    next_outside = jax.lax.cummin(outside, axis=1, reverse=True)
    behind = jnp.full_like(next_outside[:, :1], num_words)
    return begin, jnp.concatenate([next_outside[:, 1:], behind], axis=1)
