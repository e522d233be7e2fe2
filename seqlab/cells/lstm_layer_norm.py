"""LSTM with layer normalization (Ba et al., 2016): the sizes of both products and of the memory no longer matter.

Both products are brought to mean 0 and variance 1 within their own example, so scaling a kernel changes nothing, and
the gates stay in the range where they have a slope. Unlike batch normalization it needs no statistics over a batch, so
it is the same for every time step and every length. Gate order in the arrays: i, f, g, o.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import ParamSpec
from seqlab.cells.gates import squash
from seqlab.cells.lstm import LSTMCarry, LSTMCell
from seqlab.cells.normalization import normalize
from seqlab.core.array_types import Array, Float, Params
from seqlab.core.precision import dot


class LayerNormLSTMCell(LSTMCell):
    """The LSTM with both products and the memory normalized; the carry is ``LSTMCarry(c, h)``.

        LN(y; a, b) = a * (y - mean(y)) / sqrt(variance(y) + epsilon) + b

        (i~, f~, g~, o~) = LN(x W; a_x, b_x) + LN(h U; a_h, b_h)
        i, f, o = sigmoid(i~), sigmoid(f~), sigmoid(o~);  g = tanh(g~)
        c' = f * c + i * g
        h' = o * tanh(LN(c'; a_c, b_c))

    Mean and variance of the products are taken over the 4H numbers of all gates together, as in the paper; those of the
    memory over H. The paper adds a third bias b to the sum; here it is one with b_x.

    Params: input_kernel W [F, 4H], recurrent_kernel U [H, 4H], bias b_x [4H] (that of the forget gate starts at
    ``forget_bias``), input_gain a_x [4H], recurrent_gain a_h [4H], recurrent_bias b_h [4H], memory_gain a_c [H],
    memory_bias b_c [H].

    Attributes:
        epsilon: what keeps the divisor from zero.

    References:
        Ba et al., Layer normalization, 2016 (supplementary material).
    """

    epsilon: float = 1e-5

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {
            **super().param_specs(num_features),
            "input_gain": (nn.initializers.ones, (4 * H,)),
            "recurrent_gain": (nn.initializers.ones, (4 * H,)),
            "recurrent_bias": (nn.initializers.zeros, (4 * H,)),
            "memory_gain": (nn.initializers.ones, (H,)),
            "memory_bias": (nn.initializers.zeros, (H,)),
        }

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """LN(x W; a_x, b_x)."""
        product = dot(inputs, params["input_kernel"], self.dtype)
        return params["input_gain"] * normalize(product, self.epsilon) + params["bias"]

    @nn.nowrap
    def combine(
        self,
        params: Params,
        carry: tuple[Array, Array],
        projected: Float[Array, "*B G"],
        recurrent: Float[Array, "*B G"],
    ) -> tuple[LSTMCarry, Float[Array, "*B H"]]:
        """See the class."""
        c, _ = carry
        recurrent = params["recurrent_gain"] * normalize(recurrent, self.epsilon) + params["recurrent_bias"]
        i, f, g, o = squash(projected + recurrent, "ssts")
        c = f * c + i * g
        h = o * jnp.tanh(params["memory_gain"] * normalize(c, self.epsilon) + params["memory_bias"])
        return LSTMCarry(c, h), h
