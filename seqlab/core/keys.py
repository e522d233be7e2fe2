"""Keyed randomness: one key in the state, one child for each step, one named grandchild for each purpose.

Nothing random depends on how often something was called before: the key of a draw is a pure function of (seed, step,
purpose), so that a resumed run draws what the uninterrupted one would have drawn.
"""

import zlib

import jax

from seqlab.core.array_types import Array, Int, Key


def at_step(key: Key, step: int | Int[Array, ""]) -> Key:
    """The key of one training step."""
    return jax.random.fold_in(key, step)


def for_purpose(key: Key, purpose: str) -> Key:
    """The key of one purpose, by name: ``for_purpose(key, "dropout")``."""
    return jax.random.fold_in(key, zlib.crc32(purpose.encode()))
