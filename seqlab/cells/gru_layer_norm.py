"""GRU with layer normalization (Ba et al., 2016), with the reset after the product.

Why normalize: see ``lstm_layer_norm``. The gates r and z are normalized together and the candidate n by itself, as the
reset gate comes between the candidate's two products. z = 1 keeps the old state, as in ``GRUCell``; the paper's z is
1 - z. Gate order in the arrays: r, z, n.
"""

from collections.abc import Mapping
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import ParamSpec
from seqlab.cells.gates import squash
from seqlab.cells.gru import GRUCell
from seqlab.cells.normalization import normalize
from seqlab.core.array_types import Array, Float, Params
from seqlab.core.precision import dot


class LayerNormGRUCell(GRUCell):
    """The GRU with both products normalized; the carry is h [B, H].

        LN(y; a, b) = a * (y - mean(y)) / sqrt(variance(y) + epsilon) + b

        (r~, z~) = LN(x W_rz; a_x, b_x) + LN(h U_rz; a_h, b_h)
        r, z = sigmoid(r~), sigmoid(z~)
        n = tanh(LN(x W_n; a_xn, b_xn) + r * LN(h U_n; a_hn, b_hn))
        h' = (1 - z) * n + z * h

    Mean and variance are taken over the 2H numbers of r and z together, and over the H of n.

    Params: input_kernel [F, 3H] = (W_r, W_z, W_n), recurrent_kernel [H, 3H] = (U_r, U_z, U_n), bias [3H] = (b_x, b_xn),
    recurrent_bias [3H] = (b_h, b_hn), input_gain [3H] = (a_x, a_xn), recurrent_gain [3H] = (a_h, a_hn).

    Attributes:
        epsilon: what keeps the divisor from zero.

    References:
        Ba et al., Layer normalization, 2016 (supplementary material).
    """

    epsilon: float = 1e-5

    num_parts: ClassVar[int] = 1

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {
            **super().param_specs(num_features),
            "recurrent_bias": (nn.initializers.zeros, (3 * H,)),
            "input_gain": (nn.initializers.ones, (3 * H,)),
            "recurrent_gain": (nn.initializers.ones, (3 * H,)),
        }

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """LN(x W_rz; a_x, b_x) beside LN(x W_n; a_xn, b_xn)."""
        product = dot(inputs, params["input_kernel"], self.dtype)
        return params["input_gain"] * self._normalize(product) + params["bias"]

    @nn.nowrap
    def combine(
        self,
        params: Params,
        carry: Float[Array, "*B H"],
        projected: Float[Array, "*B G"],
        recurrent: Float[Array, "*B G"],
    ) -> tuple[Float[Array, "*B H"], Float[Array, "*B H"]]:
        """See the class."""
        h, H = carry, self.features
        recurrent = params["recurrent_gain"] * self._normalize(recurrent) + params["recurrent_bias"]
        r, z = squash(projected[..., : 2 * H] + recurrent[..., : 2 * H], "ss")
        n = jnp.tanh(projected[..., 2 * H :] + r * recurrent[..., 2 * H :])
        h = (1 - z) * n + z * h
        return h, h

    @nn.nowrap
    def _normalize(self, product: Float[Array, "*B G"]) -> Float[Array, "*B G"]:
        parts = jnp.split(product, [2 * self.features], axis=-1)
        return jnp.concatenate([normalize(part, self.epsilon) for part in parts], axis=-1)
