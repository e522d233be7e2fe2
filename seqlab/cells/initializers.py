"""Initializers that treat each gate on its own.

The kernels of a cell's gates lie side by side in one array, so that one product serves all of them. An initializer that
looks at the whole array would get the wrong fan-out (Glorot) or make gates orthogonal to each other instead of each
gate's own square block (Saxe et al., 2014): so each block is drawn by itself.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax.linen import initializers

from seqlab.core.array_types import Array, Float, Key

Initializer = initializers.Initializer


def per_gate(initializer: Initializer, num_gates: int) -> Initializer:
    """Draws ``num_gates`` blocks of equal width with keys of their own, side by side on the last axis."""

    def init(key: Key, shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        *rows, width = shape
        blocks = [initializer(k, (*rows, width // num_gates), dtype) for k in jax.random.split(key, num_gates)]
        return jnp.concatenate(blocks, axis=-1)

    return init


def glorot(num_gates: int = 1) -> Initializer:
    """Glorot's uniform for each gate's input block: variance 2 / (F + H) (Glorot and Bengio, 2010)."""
    return per_gate(initializers.glorot_uniform(), num_gates)


def orthogonal(num_gates: int = 1) -> Initializer:
    """A random orthogonal matrix for each gate's square block (Saxe et al., 2014)."""
    return per_gate(initializers.orthogonal(), num_gates)


def gate_constants(*constants: float) -> Initializer:
    """A bias with one constant for each gate: ``gate_constants(0, 1, 0, 0)`` opens the second gate."""

    def init(key: Key, shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        del key
        return jnp.repeat(jnp.array(constants, dtype), shape[-1] // len(constants))

    return init


def identity(key: Key, shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "H H"]:
    """The identity matrix: a recurrence that starts by keeping its state (Le et al., 2015)."""
    del key
    return jnp.eye(*shape, dtype=dtype)
