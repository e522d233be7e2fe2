"""Scores of a linear chain of tags, which a loss (`seqlab.losses.crf`) and a search (`seqlab.models.viterbi`) share.

score(y) = start[y_1] + sum_t emissions[t, y_t] + sum_{t>1} between[y_{t-1}, y_t] + end[y_n]
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Float, Shaped

# Finite, so that a sum over paths has a gradient even where all of them are forbidden; its exponential is 0.
FORBIDDEN = -1e9


class Transitions(NamedTuple):
    """Scores of a chain's ends and of neighbours in it.

    Attributes:
        start: of the first tag [V].
        between: of a tag (row) and the one behind it (column) [V, V].
        end: of the last tag [V].
    """

    start: Float[Array, " V"]
    between: Float[Array, "V V"]
    end: Float[Array, " V"]


class Legal(NamedTuple):
    """Which tags may begin a chain, follow one another in it, and end it: truth values in `Transitions`' shapes."""

    start: Shaped[np.ndarray, " V"]
    between: Shaped[np.ndarray, "V V"]
    end: Shaped[np.ndarray, " V"]


def no_transitions(num_tags: int) -> Transitions:
    """Transitions that prefer nothing."""
    return Transitions(jnp.zeros(num_tags), jnp.zeros((num_tags, num_tags)), jnp.zeros(num_tags))


def forbid(transitions: Transitions, legal: Legal) -> Transitions:
    """The transitions, with `FORBIDDEN` for what is not legal.

    >>> legal = Legal(np.array([True, False]), np.ones((2, 2), bool), np.ones(2, bool))
    >>> forbid(no_transitions(2), legal).start.tolist()
    [0.0, -1000000000.0]
    """
    return Transitions(*(jnp.where(may, score, FORBIDDEN) for may, score in zip(legal, transitions, strict=True)))
