"""Variational dropout (Gal and Ghahramani, 2016): one mask for all time steps of a sequence.

    x'_t = x_t * m / (1 - rate)     m [B, F], each element 1 with probability 1 - rate, the same at every t

With a mask for every step, noise in the recurrence adds up over time until nothing of the state is left. A mask that
stays drops the same units at all steps: the network is a smaller one, run over the whole sequence.

The masks are data. On inputs, ``drop_features`` multiplies them before anything is unrolled. On the state, the mask is
an entry of the params, which ``Cell.recurrent_input`` reads, so that every engine that steps a cell applies it, carries
and gradients included, and no engine draws anything.
"""

from typing import Any

import jax
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.core.array_types import Array, Carry, Float, Key, Params, Scalar
from seqlab.core.errors import SeqlabError


def variational_mask(key: Key, shape: tuple[int, ...], rate: Scalar, dtype: Any = jnp.float32) -> Float[Array, "..."]:
    """0 with probability ``rate``, which may be traced, else 1 / (1 - rate): multiplying by it keeps the expectation.

    >>> sorted(set(variational_mask(jax.random.key(0), (4, 8), 0.5).ravel().tolist()))
    [0.0, 2.0]
    """
    keep = jax.random.bernoulli(key, 1.0 - rate, shape)
    return jnp.where(keep, 1.0 / (1.0 - rate), 0.0).astype(dtype)


def drop_features(key: Key, inputs: Float[Array, "B T *F"], rate: Scalar) -> Float[Array, "B T *F"]:
    """Drops the same features at all time steps of a sequence; another sequence loses others."""
    num_sequences, _, *features = inputs.shape
    return inputs * variational_mask(key, (num_sequences, 1, *features), rate, inputs.dtype)


def with_state_mask(key: Key, cell: Cell, params: Params, input_shape: tuple[int, ...], rate: Scalar) -> Params:
    """The params with a ``state_mask``, under which the cell drops units of its state inside the recurrent products.

    Args:
        key: of the mask.
        cell: any cell with a recurrent product.
        params: the cell's params.
        input_shape: shape of the inputs at one step [B, F], as for ``initialize_carry``.
        rate: probability that a unit is dropped, for all time steps.

    Raises:
        SeqlabError: for a linear recurrence.

    References:
        Gal and Ghahramani, A theoretically grounded application of dropout in recurrent neural networks, 2016.
    """
    hidden = masked_state(cell, params, cell.fresh_carry(params, input_shape))
    return {**params, "state_mask": variational_mask(key, hidden.shape, rate, hidden.dtype)}


def masked_state(cell: Cell, params: Params, carry: Carry) -> Float[Array, "*B H"]:
    """The part of a carry that a ``state_mask`` is applied to.

    Raises:
        SeqlabError: for a linear recurrence.
    """
    if "recurrent_kernel" not in params:
        raise SeqlabError(
            f"{type(cell).__name__} has no recurrent product, so there is nothing for a state_mask to drop from: "
            "drop features of its inputs instead."
        )
    return cell.hidden(carry)
