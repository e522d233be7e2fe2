"""Zoneout (Krueger et al., 2017): now and then a unit of the state keeps its value, as if the step had not been.

    s_t = z_t * s_{t-1} + (1 - z_t) * cell(s_{t-1}, x_t)     for each leaf s of the carry

In training z_t is 0 or 1, drawn for every unit and step; in evaluation it is the rate, its expectation. Where dropout
sets a unit to zero, zoneout lets it be, so that information and gradients pass through the steps that are left out.

Steps draw nothing: z_t rides behind the features of x_t, as ``zoneout_noise`` makes it.
"""

import dataclasses
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.base import Cell, Gates, ParamSpec
from seqlab.cells.linear import LinearCell
from seqlab.core.array_types import Array, Carry, Float, Key, Params
from seqlab.core.errors import SeqlabError


class ZoneoutCell(Cell):
    """A cell whose steps are mixed with standing still; inputs [..., F + Z], the inputs of the cell and z behind them.

    Z is the width of all leaves of the carry together, in the carry's order: 2H for an LSTM, c first. The params are
    those of the cell. The output is the hidden state after the mixing, so it has to be the cell's output too.

    Attributes:
        cell: the cell; width, types and a learned initial state are its own.

    Raises:
        SeqlabError: for a cell that reads its output from the state by other means (``lru``, ``qrnn``).

    References:
        Krueger et al., Zoneout: regularizing RNNs by randomly preserving hidden activations, 2017.

    >>> from seqlab.cells import GRUCell
    >>> cell = ZoneoutCell(GRUCell(4))
    >>> params = cell.cell.init_params(jax.random.key(0), 3)
    >>> carry, inputs = jnp.ones((2, 4)), jnp.zeros((2, 3))
    >>> noise = zoneout_noise(cell.cell, inputs.shape[:-1], 1.0)  # Nothing moves.
    >>> cell.apply({"params": params}, carry, jnp.concatenate([inputs, noise], axis=-1))[0].tolist() == carry.tolist()
    True
    """

    features: int = dataclasses.field(init=False)
    dtype: Any = dataclasses.field(init=False)
    param_dtype: Any = dataclasses.field(init=False)
    learned_carry: bool = dataclasses.field(init=False)
    cell: Cell  # pyright: ignore[reportGeneralTypeIssues]

    def __post_init__(self) -> None:
        """Takes over what the cell says of itself."""
        for name in ("features", "dtype", "param_dtype", "learned_carry"):
            setattr(self, name, getattr(self.cell, name))
        super().__post_init__()
        if isinstance(self.cell, LinearCell) and type(self.cell).read is not LinearCell.read:
            raise SeqlabError(
                f"zoneout needs a cell whose output is its hidden state; {type(self.cell).__name__} reads its output "
                "from the state and the input."
            )

    @property
    def num_feature_axes(self) -> int:
        """Those of the cell."""
        return self.cell.num_feature_axes

    @property
    def output_size(self) -> int:
        """That of the cell."""
        return self.cell.output_size

    @property
    def has_one_product(self) -> bool:
        """Whether the cell's step is one product and ``combine``: then so is this one's."""
        return self.cell.has_one_product

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """Those of the cell, for inputs without z."""
        return self.cell.param_specs(num_features - sum(zoneout_widths(self.cell)))

    @nn.nowrap
    def initialize_carry(self, rng: Key, input_shape: tuple[int, ...]) -> Carry:
        """That of the cell."""
        return self.cell.initialize_carry(rng, input_shape)

    @nn.nowrap
    def hidden(self, carry: Carry) -> Float[Array, "*B H"]:
        """That of the cell."""
        return self.cell.hidden(carry)

    @nn.nowrap
    def recurrent_input(self, params: Params, carry: Carry) -> Float[Array, "*B H"]:
        """That of the cell."""
        return self.cell.recurrent_input(params, carry)

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """The cell's projection, and z behind it."""
        features, z = _split(inputs, self.cell)
        return jnp.concatenate([self.cell.project(params, features), z], axis=-1)

    @nn.nowrap
    def cut(self, gates: Float[Array, "*B G"]) -> Gates:
        """The cell's own cut, and z; the recurrent product, which has no z, leaves it empty."""
        num_gates = self.cell.param_specs(1)["recurrent_kernel"][1][-1]
        return self.cell.cut(gates[..., :num_gates]), gates[..., num_gates:]

    @nn.nowrap
    def combine(
        self, params: Params, carry: Carry, projected: Gates, recurrent: Gates
    ) -> tuple[Carry, Float[Array, "*B H"]]:
        """The cell's own, mixed with what was before."""
        after, _ = self.cell.combine(params, carry, projected[0], recurrent[0])
        return self._mix(carry, after, projected[1])

    @nn.nowrap
    def step(self, params: Params, carry: Carry, projected: Float[Array, "*B G"]) -> tuple[Carry, Float[Array, "*B H"]]:
        """The cell's own, mixed with what was before."""
        projected, z = _split(projected, self.cell)
        after, _ = self.cell.step(params, carry, projected)
        return self._mix(carry, after, z)

    @nn.nowrap
    def _mix(self, before: Carry, after: Carry, z: Float[Array, "*B Z"]) -> tuple[Carry, Float[Array, "*B H"]]:
        leaves, structure = jax.tree.flatten(after)
        parts = jnp.split(z, list(accumulate(zoneout_widths(self.cell)))[:-1], axis=-1)
        pairs = zip(parts, jax.tree.leaves(before), leaves, strict=True)
        carry = structure.unflatten([z * old + (1 - z) * new for z, old, new in pairs])
        return carry, self.cell.hidden(carry)


def zoneout_widths(cell: Cell) -> list[int]:
    """The width of each leaf of a cell's carry; Z is their sum."""
    carry = jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), (1,) * (1 + cell.num_feature_axes)))
    return [leaf.shape[-1] for leaf in jax.tree.leaves(carry)]


def zoneout_noise(cell: Cell, shape: tuple[int, ...], rates: Any, key: Key | None = None) -> Float[Array, "... Z"]:
    """What a ``ZoneoutCell`` of this cell wants behind its inputs, z [*shape, Z].

    Args:
        cell: the cell.
        shape: of the inputs without their last axis: [B, T].
        rates: the probability of standing still, which may be traced; or one for each leaf, in the carry's order:
            (0.5, 0.05) for the c and h of an LSTM is the paper's choice for characters.
        key: draws 0 or 1 with it, for training; without a key z is the rates themselves, for evaluation.

    Raises:
        SeqlabError: for another number of rates than of leaves.
    """
    widths, values = zoneout_widths(cell), jax.tree.leaves(rates)
    values = values * len(widths) if len(values) == 1 else values
    if len(values) != len(widths):
        raise SeqlabError(
            f"zoneout of {type(cell).__name__} takes one rate, or one for each of the {len(widths)} leaves of its "
            f"carry; got {len(values)}."
        )
    each = [jnp.full((width,), rate, cell.param_dtype) for width, rate in zip(widths, values, strict=True)]
    rate = jnp.broadcast_to(jnp.concatenate(each), (*shape, sum(widths)))
    return rate if key is None else jax.random.bernoulli(key, rate).astype(rate.dtype)


def _split(inputs: Float[Array, "*B F"], cell: Cell) -> tuple[Float[Array, "*B K"], Float[Array, "*B Z"]]:
    """Inputs, projected or not, and the z behind them."""
    first = inputs.shape[-1] - sum(zoneout_widths(cell))
    return inputs[..., :first], inputs[..., first:]
