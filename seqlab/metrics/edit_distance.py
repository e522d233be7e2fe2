"""Edit distance: the fewest labels to replace, to leave out and to put in that make one sequence of another.

    d[0, u] = u     d[t, u] = min(d[t-1, u] + 1, d[t, u-1] + 1, d[t-1, u-1] + [a_t != b_u])

Here a row of the table is one step of a scan. What a row takes from its own left neighbours is a running minimum:
min over k <= u of (c_k + u - k) = u + min over k <= u of (c_k - k).

References:
    Levenshtein, Binary codes capable of correcting deletions, insertions, and reversals, 1966.
"""

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Int
from seqlab.core.masks import lengths_to_mask
from seqlab.metrics.accumulate import Mean


def edit_distance(
    predicted: Int[Array, "B T"],
    kept: Bool[Array, "B T"],
    targets: Int[Array, "B U"],
    target_lengths: Int[Array, " B"],
) -> Int[Array, " B"]:
    """The distance of each row from its predicted labels, those where ``kept`` holds, to its targets.

    >>> predicted, kept = jnp.array([[1, 2, 3]]), jnp.array([[True, False, True]])
    >>> edit_distance(predicted, kept, jnp.array([[1, 4, 5]]), jnp.array([2])).tolist()  # 1 3 instead of 1 4.
    [1]
    """
    places = jnp.arange(targets.shape[1] + 1, dtype=jnp.int32)

    def step(above: Array, now: tuple[Array, Array]) -> tuple[Array, None]:
        label, keep = now
        replaced = above[:, :-1] + (label[:, None] != targets).astype(jnp.int32)
        candidate = jnp.concatenate([above[:, :1] + 1, jnp.minimum(above[:, 1:] + 1, replaced)], axis=1)
        row = jax.lax.cummin(candidate - places, axis=1) + places
        return jnp.where(keep[:, None], row, above), None

    first = jnp.broadcast_to(places, (len(targets), len(places)))
    last, _ = jax.lax.scan(step, first, (predicted.T, kept.T))
    return jnp.take_along_axis(last, target_lengths[:, None].astype(jnp.int32), axis=1)[:, 0]


def label_error_rate(
    best_path: Int[Array, "B T"],
    lengths: Int[Array, " B"],
    targets: Int[Array, "B U"],
    target_lengths: Int[Array, " B"],
) -> Mean:
    """Edits over the number of labels, of the labels that the paths of a CTC network collapse to.

    It may be above 1. ``best_path`` holds a class a frame, 0 for the blank; rows of length 0 do not count.

    >>> found = label_error_rate(jnp.array([[0, 1, 1, 0, 1]]), jnp.array([5]), jnp.array([[1, 1, 1]]), jnp.array([3]))
    >>> round(found.compute(), 3)
    0.333
    """
    exists = lengths > 0
    distance = edit_distance(best_path, collapsed(best_path, lengths), targets, target_lengths)
    edits, labels = (jnp.where(exists, count, 0).sum(dtype=jnp.float32) for count in (distance, target_lengths))
    return Mean(edits, labels)


def collapsed(path: Int[Array, "B T"], lengths: Int[Array, " B"]) -> Bool[Array, "B T"]:
    """Which frames of a path are left when repeats are merged and blanks (0) are dropped."""
    before = jnp.pad(path[:, :-1], ((0, 0), (1, 0)))
    return (path != 0) & (path != before) & lengths_to_mask(lengths, path.shape[1])
