"""Gated recurrent units (Cho et al., 2014), in the two forms that are in use.

They differ in whether the reset gate r acts on the previous state after its matrix product (cuDNN, PyTorch, Keras's
default) or before it (the paper). The first needs one recurrent product a step instead of two in a row, and a bias of
its own inside the reset.

In both, z is the *update* gate in PyTorch's sense: z = 1 keeps the old state. (The lecture notation Gamma_u is 1 - z.)
Gate order in the arrays: r, z, n.
"""

from collections.abc import Mapping
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import Cell, Gates, ParamSpec
from seqlab.cells.gates import squash
from seqlab.cells.initializers import gate_constants, glorot, orthogonal
from seqlab.core.array_types import Array, Float, Params
from seqlab.core.precision import dot


class GRUCell(Cell):
    """The form with the reset after the product; the carry is h [B, H].

        r = sigmoid(x W_r + h U_r + b_r)
        z = sigmoid(x W_z + h U_z + b_z)
        n = tanh(x W_n + b_n + r * (h U_n + c_n))
        h' = (1 - z) * n + z * h

    Params: input_kernel [F, 3H] = (W_r, W_z, W_n), recurrent_kernel [H, 3H] = (U_r, U_z, U_n), bias [3H] = (b_r, b_z,
    b_n), recurrent_bias [H] = c_n.

    References:
        Cho et al., Learning phrase representations using RNN encoder-decoder, 2014; this form: cuDNN, PyTorch's GRU.
    """

    num_parts: ClassVar[int] = 3

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {
            "input_kernel": (glorot(3), (num_features, 3 * H)),
            "recurrent_kernel": (orthogonal(3), (H, 3 * H)),
            "bias": (gate_constants(0.0, 0.0, 0.0), (3 * H,)),
            "recurrent_bias": (nn.initializers.zeros, (H,)),
        }

    @nn.nowrap
    def combine(
        self, params: Params, carry: Float[Array, "*B H"], projected: Gates, recurrent: Gates
    ) -> tuple[Float[Array, "*B H"], Float[Array, "*B H"]]:
        """See the class."""
        h = carry
        x_r, x_z, x_n = projected
        h_r, h_z, h_n = recurrent
        (r,) = squash(x_r + h_r, "s")
        (z,) = squash(x_z + h_z, "s")
        n = jnp.tanh(x_n + r * (h_n + params["recurrent_bias"]))
        h = (1 - z) * n + z * h
        return h, h


class ResetBeforeGRUCell(Cell):
    """The form of the paper, with the reset before the product; the carry is h [B, H].

        r = sigmoid(x W_r + h U_r + b_r)
        z = sigmoid(x W_z + h U_z + b_z)
        n = tanh(x W_n + b_n + (r * h) U_n)
        h' = (1 - z) * n + z * h

    Params: as in ``GRUCell``, without recurrent_bias.

    References:
        Cho et al., Learning phrase representations using RNN encoder-decoder, 2014.
    """

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        specs = dict(GRUCell.param_specs(self, num_features))  # pyright: ignore[reportArgumentType]
        del specs["recurrent_bias"]
        return specs

    @nn.nowrap
    def step(
        self, params: Params, carry: Float[Array, "*B H"], projected: Float[Array, "*B G"]
    ) -> tuple[Float[Array, "*B H"], Float[Array, "*B H"]]:
        """See the class."""
        h, H = carry, self.features
        read, kernel = self.recurrent_input(params, carry), params["recurrent_kernel"]
        r, z = squash(projected[..., : 2 * H] + dot(read, kernel[:, : 2 * H], self.dtype), "ss")
        n = jnp.tanh(projected[..., 2 * H :] + dot(r * read, kernel[:, 2 * H :], self.dtype))
        h = (1 - z) * n + z * h
        return h, h
