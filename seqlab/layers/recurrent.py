"""A cell over time as a Flax layer, and a pair of them for both directions."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.core.array_types import Array, Carry, Float, Key
from seqlab.engines import Unrolled, unroll


class Recurrent(nn.Module):
    """Unrolls a cell; see ``seqlab.unroll`` for the arguments that it passes on.

    Params: those of the cell, under ``cell``.

    Attributes:
        cell: the cell.
        reverse: whether time runs backward.
        engine: how to unroll.
    """

    cell: Cell
    reverse: bool = False
    engine: str = "auto"

    def __call__(self, inputs: Float[Array, "B T F"], **controls: Any) -> Unrolled:
        """Outputs [B, T, H] and the last carry; ``controls``: ``initial_carry``, ``lengths``, ``mask``, ``resets``."""
        params = self.cell.bound_params(inputs.shape[-1])
        return unroll(self.cell, params, inputs, reverse=self.reverse, engine=self.engine, **controls)

    @nn.nowrap
    def initialize_carry(self, key: Key, batch_size: int) -> Carry:
        """The state before the first step."""
        return self.cell.initialize_carry(key, (batch_size, 1))


class Bidirectional(nn.Module):
    """Two layers over the same inputs, one in each direction of time; outputs side by side [B, T, 2H].

    The carry is the pair of both; only the forward one can go on into a next window.

    Attributes:
        forward: the layer that runs forward.
        backward: the layer that runs backward.

    References:
        Schuster and Paliwal, Bidirectional recurrent neural networks, 1997.
    """

    forward: Recurrent
    backward: Recurrent

    def __post_init__(self) -> None:
        """Holds the directions to what their names say."""
        super().__post_init__()
        if self.forward.reverse or not self.backward.reverse:
            raise ValueError("Bidirectional needs forward.reverse False and backward.reverse True.")

    def __call__(self, inputs: Float[Array, "B T F"], *, initial_carry: Carry = None, **controls: Any) -> Unrolled:
        """Outputs [B, T, 2H] and both last carries; ``controls`` as in ``Recurrent``."""
        first = (None, None) if initial_carry is None else initial_carry
        ahead = self.forward(inputs, initial_carry=first[0], **controls)
        back = self.backward(inputs, initial_carry=first[1], **controls)
        return Unrolled(jnp.concatenate([ahead.outputs, back.outputs], axis=-1), (ahead.carry, back.carry))

    @nn.nowrap
    def initialize_carry(self, key: Key, batch_size: int) -> Carry:
        """The states before the first step of either direction."""
        return self.forward.initialize_carry(key, batch_size), self.backward.initialize_carry(key, batch_size)
