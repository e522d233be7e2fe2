"""The minimal LSTM: an LSTM whose gates and candidate do not see the state (Feng et al., 2024).

Forget and input gate are divided by their sum, so that the state is an average of candidates and its scale does not
depend on time; then there is nothing for an output gate to do.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.base import ParamSpec
from seqlab.cells.initializers import gate_constants, glorot
from seqlab.cells.linear import LinearCell, interpolation
from seqlab.core.array_types import Array, Float, Params


class MinLSTMCell(LinearCell):
    """The minimal LSTM; the carry is h [B, H].

        f = sigmoid(x W_f + b_f)
        i = sigmoid(x W_i + b_i)
        n = x W_n + b_n
        h' = f / (f + i) * h + i / (f + i) * n

    The candidate n is linear, as in ``MinGRUCell``.

    Params: input_kernel [F, 3H] = (W_f, W_i, W_n), bias [3H] = (b_f, b_i, b_n).

    Attributes:
        forget_bias: the value that b_f starts from.

    References:
        Feng et al., Were RNNs all we needed?, 2024.
    """

    forget_bias: float = 1.0

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {
            "input_kernel": (glorot(3), (num_features, 3 * H)),
            "bias": (gate_constants(self.forget_bias, 0.0, 0.0), (3 * H,)),
        }

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """The coefficients (f, i * n) / (f + i)."""
        f, i, n = jnp.split(super().project(params, inputs), 3, axis=-1)
        # f / (f + i) = sigmoid(log f - log i), which is no 0 / 0 where both gates are shut.
        return interpolation(jax.nn.sigmoid(jax.nn.log_sigmoid(f) - jax.nn.log_sigmoid(i)), n)
