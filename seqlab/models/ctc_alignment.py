"""Forced alignment: when, on the most probable path of a known labelling, each of its labels is said.

Viterbi's algorithm over the labels with a blank before, between and behind them, s = - y_1 - y_2 - ... -:

    best_t[s] = log P(s | x, t) + max(best_{t-1}[s], best_{t-1}[s - 1], best_{t-1}[s - 2])

where the last is for a label that differs from the one before it. A CTC network says a label in a frame or two,
somewhere inside the word or after it, so these are places and no borders.

References:
    Graves et al., Connectionist temporal classification, 2006.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.models.ctc_search import BLANK


class Alignment(NamedTuple):
    """The most probable path of a labelling.

    Attributes:
        path: the class of each frame [T].
        first: the frame where each label begins [U].
        last: that where it ends, itself included [U].
        log_probability: of the path, in nats.
    """

    path: np.ndarray
    first: np.ndarray
    last: np.ndarray
    log_probability: float


def align_labels(log_probs: np.ndarray, labels: Sequence[int]) -> Alignment:
    """The most probable of all paths through log-probabilities [T, V] that collapse to these labels.

    Raises:
        SeqlabError: fewer frames than the labels need.

    >>> found = align_labels(np.log([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]), [1])
    >>> found.path.tolist(), found.first.tolist(), found.last.tolist()
    ([0, 1, 1], [1], [2])
    """
    log_probs = np.asarray(log_probs, np.float64)
    states = np.full(2 * len(labels) + 1, BLANK)
    states[1::2] = labels
    # A blank may be left out between two labels that differ.
    may_skip = np.zeros(len(states), bool)
    may_skip[2:] = (states[2:] != BLANK) & (states[2:] != states[:-2])
    before = np.full(len(states), -np.inf)
    before[0] = 0.0  # A step before the first frame, from which its first blank and first label are reached.
    came_from = np.zeros((len(log_probs), len(states)), np.int64)
    for step, frame in enumerate(log_probs):
        ways = np.full((3, len(states)), -np.inf)
        ways[0] = before
        ways[1, 1:] = before[:-1]
        ways[2, 2:] = np.where(may_skip[2:], before[:-2], -np.inf)
        came_from[step] = ways.argmax(axis=0)
        before = ways.max(axis=0) + frame[states]
    ends = np.arange(len(states))[-2:]
    state = int(ends[before[ends].argmax()])
    if not np.isfinite(before[state]):
        raise SeqlabError(f"{len(labels)} labels have no path through {len(log_probs)} frames.")
    visited = np.zeros(len(log_probs), np.int64)
    for step in range(len(log_probs) - 1, -1, -1):
        visited[step] = state
        state -= int(came_from[step, state])
    frames = [np.flatnonzero(visited == 2 * place + 1) for place in range(len(labels))]
    first, last = (np.array([at[end] for at in frames], np.int64) for end in (0, -1))
    return Alignment(states[visited], first, last, float(before[ends].max()))
