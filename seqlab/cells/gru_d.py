"""GRU-D (Che et al., 2018): a GRU for values with gaps, whose memory fades while nothing is seen.

What was last seen says less the longer ago it was. So GRU-D lets the last value decay towards the mean, and the state
towards zero, each at a rate that is learned; a GRU which is only told how long ago that was has to spend gates on it.

The inputs are three blocks side by side: the value last seen (0, the mean, where none was), whether it was seen at this
very step, and the time since then, as ``seqlab.data.series_windows.with_gaps`` makes them. Gate order in the arrays: r,
z, n.
"""

from collections.abc import Mapping
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.base import ParamSpec
from seqlab.cells.gru import ResetBeforeGRUCell
from seqlab.core.array_types import Array, Float, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.precision import dot

# Rates of decay start between 0 and this: above 0, as the maximum in the equations has no slope below.
LARGEST_FIRST_RATE = 0.1


class GRUDCell(ResetBeforeGRUCell):
    """A GRU with decays; inputs [x, m, d] of F = 3C, values, masks and times since [B, C] each; the carry is h [B, H].

        gamma_x = exp(-max(0, w_x * d + b_x))
        gamma_h = exp(-max(0, d W_h + b_h))
        x^ = m * x + (1 - m) * gamma_x * x
        h^ = gamma_h * h
        r = sigmoid([x^, m] W_r + h^ U_r + b_r)
        z = sigmoid([x^, m] W_z + h^ U_z + b_z)
        n = tanh([x^, m] W_n + b_n + (r * h^) U_n)
        h' = (1 - z) * n + z * h^

    Values are decays towards 0, so they have to be scaled to a mean of 0. Here z = 1 keeps the old state, as in
    ``GRUCell``; in the paper it takes the new one. The time since is 0 where m = 1, while the paper counts from the
    value before; in which unit it comes, a step or a logarithm of steps, is the caller's choice.

    All that depends on the state is one step of ``ResetBeforeGRUCell`` from h^; the decays belong to the projection.

    Params: input_kernel [2C, 3H], recurrent_kernel [H, 3H], bias [3H], input_decay w_x [C], input_decay_bias [C],
    state_decay_kernel W_h [C, H], state_decay_bias [H].

    Raises:
        SeqlabError: for inputs whose width is no multiple of 3.

    References:
        Che et al., Recurrent neural networks for multivariate time series with missing values, 2018.
    """

    input_blocks: ClassVar[int] = 3

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        C, rest = divmod(num_features, self.input_blocks)
        if rest or not C:
            raise SeqlabError(
                "GRU-D reads values, whether each was seen, and the time since, side by side: expected inputs whose "
                f"width is a multiple of 3; got {num_features}."
            )
        rates, zeros = nn.initializers.uniform(LARGEST_FIRST_RATE), nn.initializers.zeros
        return {
            **super().param_specs(2 * C),
            "input_decay": (rates, (C,)),
            "input_decay_bias": (zeros, (C,)),
            "state_decay_kernel": (rates, (C, self.features)),
            "state_decay_bias": (zeros, (self.features,)),
        }

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """The projection of [x^, m], and gamma_h behind it: G = 4H."""
        x, m, d = jnp.split(inputs, self.input_blocks, axis=-1)
        gamma_x = jnp.exp(-jax.nn.relu(params["input_decay"] * d + params["input_decay_bias"]))
        gamma_h = jnp.exp(-jax.nn.relu(dot(d, params["state_decay_kernel"]) + params["state_decay_bias"]))
        decayed = (m + (1 - m) * gamma_x) * x
        projected = super().project(params, jnp.concatenate([decayed, m], axis=-1))
        return jnp.concatenate([projected, gamma_h], axis=-1)

    @nn.nowrap
    def step(
        self, params: Params, carry: Float[Array, "*B H"], projected: Float[Array, "*B G"]
    ) -> tuple[Float[Array, "*B H"], Float[Array, "*B H"]]:
        """See the class."""
        gates, gamma_h = projected[..., : 3 * self.features], projected[..., 3 * self.features :]
        return super().step(params, gamma_h * carry, gates)
