"""A cell over time as a Flax layer, and a pair of them for both directions."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.cells.variational import with_state_mask
from seqlab.cells.weight_drop import drop_weights
from seqlab.cells.zoneout import ZoneoutCell, zoneout_noise
from seqlab.core.array_types import Array, Carry, Float, Key, Params, Scalar
from seqlab.engines import Unrolled, unroll
from seqlab.layers.dropout import is_off


class Recurrent(nn.Module):
    """Unrolls a cell; see ``seqlab.unroll`` for the arguments that it passes on.

    What is random is drawn here from Flax's ``dropout`` keys, and handed to the cell as data.

    Params: those of the cell, under ``cell``.

    Attributes:
        cell: the cell.
        reverse: whether time runs backward.
        engine: how to unroll.
        zoneout_rates: a rate of zoneout for the whole carry, or one for each leaf in its order; 0 for none. It is
            no argument, as evaluation needs it too: where there are no ``dropout`` keys, the rates stand for the draws.
    """

    cell: Cell
    reverse: bool = False
    engine: str = "auto"
    zoneout_rates: Any = 0.0

    def __call__(
        self,
        inputs: Float[Array, "B T *F"],
        *,
        state_dropout_rate: Scalar = 0.0,
        weight_drop_rate: Scalar = 0.0,
        **controls: Any,
    ) -> Unrolled:
        """Runs the layer.

        Args:
            inputs: [B, T, F].
            state_dropout_rate: probability that a unit of the state is dropped for a whole sequence, in the recurrent
                products; see ``seqlab.cells.variational``.
            weight_drop_rate: probability that an element of the recurrent kernel is dropped for the whole batch; see
                ``seqlab.cells.weight_drop``.
            controls: ``initial_carry``, ``lengths``, ``mask``, ``resets``.

        Returns:
            Outputs [B, T, H] and the last carry.
        """
        cell, params = self.cell, self.cell.bound_params(inputs.shape[-1])
        if not is_off(weight_drop_rate):
            params = drop_weights(self.make_rng("dropout"), params, weight_drop_rate)
        if not is_off(state_dropout_rate):
            step_shape = inputs[:, 0].shape
            params = with_state_mask(self.make_rng("dropout"), cell, params, step_shape, state_dropout_rate)
        if not is_off(self.zoneout_rates):
            key = self.make_rng("dropout") if self.has_rng("dropout") else None
            noise = zoneout_noise(cell, inputs.shape[:-1], self.zoneout_rates, key)
            cell, inputs = ZoneoutCell(cell=cell, parent=None), jnp.concatenate([inputs, noise], axis=-1)
        return self.run(cell, params, inputs, **controls)

    def run(self, cell: Cell, params: Params, inputs: Float[Array, "B T *F"], **controls: Any) -> Unrolled:
        """Unrolls what was drawn; apart, so that ``seqlab.diagnostics.task_flow`` can intercept it."""
        return unroll(cell, params, inputs, reverse=self.reverse, engine=self.engine, **controls)

    @nn.nowrap
    def initialize_carry(self, key: Key, batch_size: int) -> Carry:
        """The state before the first step where none is learned."""
        return self.cell.initialize_carry(key, (batch_size, 1))

    @nn.nowrap
    def fresh_carry(self, params: Params, batch_size: int) -> Carry:
        """The state before the first step: the learned one, where params hold any."""
        return self.cell.fresh_carry(params["cell"], (batch_size, 1))


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

    def __call__(self, inputs: Float[Array, "B T *F"], *, initial_carry: Carry = None, **controls: Any) -> Unrolled:
        """Outputs [B, T, 2H] and both last carries; ``controls`` as in ``Recurrent``."""
        first = (None, None) if initial_carry is None else initial_carry
        ahead = self.forward(inputs, initial_carry=first[0], **controls)
        back = self.backward(inputs, initial_carry=first[1], **controls)
        return Unrolled(jnp.concatenate([ahead.outputs, back.outputs], axis=-1), (ahead.carry, back.carry))

    @nn.nowrap
    def initialize_carry(self, key: Key, batch_size: int) -> Carry:
        """The states before the first step of either direction where none is learned."""
        return self.forward.initialize_carry(key, batch_size), self.backward.initialize_carry(key, batch_size)

    @nn.nowrap
    def fresh_carry(self, params: Params, batch_size: int) -> Carry:
        """The states before the first step of either direction: the learned ones, where params hold any."""
        ahead, back = (getattr(self, name).fresh_carry(params[name], batch_size) for name in ("forward", "backward"))
        return ahead, back
