"""Connectionist temporal classification: the probability of a labelling whose place in time is not known.

The network says at each frame the probability of every label, or of the blank, 0. A *path* takes one of them a frame;
it collapses to a labelling when repeats are merged and blanks are dropped. Labels are scored by all their paths:

    P(y | x) = sum over paths pi with collapse(pi) = y of prod_t P(pi_t | x, t)

`optax.ctc_loss` computes the sum by a forward recursion over y with blanks in between. It has no opinion on what it is
given: nan at padding, labels outside the classes (which would count with probability 1) and labellings without any
path pass through it in silence. The first is mended here; the other two are refused on the host by `check_labelling`.

References:
    Graves et al., Connectionist temporal classification, 2006.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

from seqlab.core.array_types import Array, Float, Int
from seqlab.core.errors import DataError
from seqlab.core.masks import lengths_to_mask, zero_padding
from seqlab.losses.cross_entropy import WeightedSum

BLANK = 0


def ctc_negative_log_likelihood(
    logits: Float[Array, "B T V"],
    targets: Int[Array, "B U"],
    lengths: Int[Array, " B"],
    target_lengths: Int[Array, " B"],
) -> WeightedSum:
    """Sum of -log P(targets) over the rows, in nats, and the number of rows that have a frame.

    Class 0 is the blank. Padding may hold anything; a row of length 0 adds nothing, whatever its targets.

    >>> logits = jnp.zeros((1, 2, 2))  # Of four paths of two frames, three say "1": 11, 1-, -1.
    >>> loss = ctc_negative_log_likelihood(logits, jnp.array([[1]]), jnp.array([2]), jnp.array([1]))
    >>> round(float(jnp.exp(-loss.total)), 5), float(loss.weight)
    (0.75, 1.0)
    """
    nats = ctc_nats(logits, targets, lengths, target_lengths)
    return WeightedSum(nats.sum(), (lengths > 0).sum(dtype=nats.dtype))


def ctc_nats(
    logits: Float[Array, "B T V"],
    targets: Int[Array, "B U"],
    lengths: Int[Array, " B"],
    target_lengths: Int[Array, " B"],
) -> Float[Array, " B"]:
    """-log P(targets) of each row; 0 for a row of length 0."""
    frames = lengths_to_mask(lengths, logits.shape[1])
    labels = lengths_to_mask(target_lengths, targets.shape[1])
    # A product with 0 would keep nan, and optax multiplies by its paddings.
    logits, targets = zero_padding(logits, frames), zero_padding(targets, labels)
    paddings = (1 - mask.astype(logits.dtype) for mask in (frames, labels))
    nats = optax.ctc_loss(logits, next(paddings), targets, next(paddings), blank_id=BLANK)
    return jnp.where(lengths > 0, nats, 0.0)


def frames_needed(labels: Sequence[int] | np.ndarray) -> int:
    """The fewest frames of a path: one a label, and a blank between two that are alike.

    >>> frames_needed([3, 1, 1, 2])
    5
    """
    labels = np.asarray(labels)
    return len(labels) + int((labels[1:] == labels[:-1]).sum())


def check_labelling(labels: Sequence[int] | np.ndarray, num_frames: int, num_classes: int, place: Any) -> None:
    """Refuses a labelling that has no path, or whose labels are no classes.

    Raises:
        DataError: at ``place``, for labels outside [1, num_classes), or more of them than the frames have room for.
    """
    labels = np.asarray(labels)
    if labels.size and not (labels.min() > 0 and labels.max() < num_classes):
        raise DataError(
            f"{place}: expected labels in [1, {num_classes - 1}], as 0 is the blank; found {labels.min()} to "
            f"{labels.max()}."
        )
    if frames_needed(labels) > num_frames:
        raise DataError(
            f"{place}: expected at least {frames_needed(labels)} frames for its {len(labels)} labels, one each and one "
            f"between repeats; found {num_frames}. Shorten the transcript, or take less --conv_stride or --conv_pool."
        )
