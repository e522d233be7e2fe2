"""How many notes of a frame are predicted: accuracy without the many keys that are silent and said to be.

    ACC = sum_t TP(t) / sum_t (TP(t) + FP(t) + FN(t))

over all frames t (Bay et al., 2009). A key is predicted where its probability exceeds a half. The *expected* accuracy
takes the expected counts of a prediction that is drawn from the model; Boulanger-Lewandowski et al. (2012) report an
expected one.

References:
    Bay et al., Evaluation of multiple-F0 estimation and tracking systems, 2009; Boulanger-Lewandowski et al., Modeling
    temporal dependencies in high-dimensional sequences, 2012.
"""

from seqlab.core.array_types import Array, Bool, Float
from seqlab.core.masks import zero_padding
from seqlab.metrics.accumulate import Mean


def frame_accuracy(
    probabilities: Float[Array, "*B K"], targets: Float[Array, "*B K"], mask: Bool[Array, "*B"] | None = None
) -> Mean:
    """ACC of the keys that are more probable than not, over the frames where ``mask`` holds.

    >>> import jax.numpy as jnp
    >>> frame_accuracy(jnp.array([[0.9, 0.9, 0.1, 0.2]]), jnp.array([[1.0, 0.0, 1.0, 0.0]])).compute() * 3
    1.0
    """
    predicted = (probabilities > 0.5).astype(probabilities.dtype)
    return expected_frame_accuracy(zero_padding(predicted, mask), targets, mask)


def expected_frame_accuracy(
    probabilities: Float[Array, "*B K"], targets: Float[Array, "*B K"], mask: Bool[Array, "*B"] | None = None
) -> Mean:
    """The same with expected counts, of keys that are drawn with these probabilities.

    >>> import jax.numpy as jnp
    >>> expected_frame_accuracy(jnp.array([[0.5, 0.5]]), jnp.array([[1.0, 0.0]])).compute() * 3
    1.0
    """
    probabilities, targets = zero_padding(probabilities, mask), zero_padding(targets, mask)
    hit = (probabilities * targets).sum()
    return Mean(hit, targets.sum() + probabilities.sum() - hit)
