"""Cross entropy between targets and the softmax of logits.

A loss is a pair (weighted sum, weight), so that batches of different sizes, devices and windows add up to the same
mean; the one division is at the end, where the gradient is taken or the metric printed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float, Int, Scalar
from seqlab.core.masks import zero_padding


class WeightedSum(NamedTuple):
    """A loss before its division.

    Attributes:
        total: sum over all elements that exist.
        weight: their number, or the sum of their weights.
    """

    total: Float[Array, ""]
    weight: Float[Array, ""]


def softmax_cross_entropy(
    logits: Float[Array, "*B V"],
    targets: Int[Array, "*B"],
    mask: Bool[Array, "*B"] | None = None,
    label_smoothing: Scalar = 0.0,
    class_weights: Float[Array, " V"] | None = None,
) -> WeightedSum:
    """Sum of -sum_k q_k log softmax(logits)_k, in nats, over the elements where ``mask`` holds.

    q is one-hot for a smoothing s of 0, and (1 - s) * onehot + s / V in general (Szegedy et al., 2016). With class
    weights w, element i counts w_{target_i} times, in the sum and in the weight, so that their ratio is a mean again.

    >>> total, weight = softmax_cross_entropy(jnp.zeros((1, 3, 4)), jnp.array([[0, 1, 2]]))
    >>> float(total / weight) - float(jnp.log(4.0))
    0.0
    """
    logits = zero_padding(logits, mask)  # Padding may hold anything, and nan survives a product with zero.
    log_normalizer = jax.nn.logsumexp(logits, axis=-1)
    # A sum over one-hot rows, not a gather: XLA fuses it with the exponentials, and its transpose is no scatter.
    one_hot = targets[..., None] == jnp.arange(logits.shape[-1], dtype=targets.dtype)
    target_logits = jnp.where(one_hot, logits, 0.0).sum(axis=-1)
    nats = log_normalizer - target_logits
    if not (isinstance(label_smoothing, int | float) and label_smoothing == 0):
        nats = (1 - label_smoothing) * nats + label_smoothing * (log_normalizer - logits.mean(axis=-1))
    if class_weights is not None:
        weights = jnp.where(one_hot, class_weights, 0.0).sum(axis=-1)
        weights = weights if mask is None else jnp.where(mask, weights, 0.0)
        return WeightedSum((weights * nats).sum(), weights.sum())
    if mask is None:
        return WeightedSum(nats.sum(), jnp.array(nats.size, nats.dtype))
    return WeightedSum(jnp.where(mask, nats, 0.0).sum(), mask.sum(dtype=nats.dtype))
