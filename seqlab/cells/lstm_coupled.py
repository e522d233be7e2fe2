"""LSTM with coupled input and forget gates (CIFG): what is written is what is forgotten.

With i = 1 - f the memory is a running mean of candidates, |c| stays below 1, and there are weights for three gates
where the LSTM has four: a quarter less work, and in the comparison of Greff et al. no worse.
"""

from collections.abc import Mapping
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import ParamSpec
from seqlab.cells.initializers import gate_constants, glorot, orthogonal
from seqlab.cells.lstm import LSTMCarry, LSTMCell
from seqlab.core.array_types import Array, Float, Params


class CoupledLSTMCell(LSTMCell):
    """The LSTM without an input gate of its own; the carry is ``LSTMCarry(c, h)``.

        f = sigmoid(x W_f + h U_f + b_f)
        g = tanh(x W_g + h U_g + b_g)
        o = sigmoid(x W_o + h U_o + b_o)
        c' = f * c + (1 - f) * g
        h' = o * tanh(c')

    Params: input_kernel [F, 3H] = (W_f, W_g, W_o), recurrent_kernel [H, 3H] = (U_f, U_g, U_o), bias [3H], with b_f at
    ``forget_bias`` at first.

    References:
        Greff et al., LSTM: a search space odyssey, 2017 (arXiv 2015).
    """

    gate_kinds: ClassVar[str] = "sts"

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {
            "input_kernel": (glorot(3), (num_features, 3 * H)),
            "recurrent_kernel": (orthogonal(3), (H, 3 * H)),
            "bias": (gate_constants(self.forget_bias, 0.0, 0.0), (3 * H,)),
        }

    @nn.nowrap
    def merge(
        self, params: Params, carry: tuple[Array, Array], gates: tuple[Array, ...]
    ) -> tuple[LSTMCarry, Float[Array, "*B H"]]:
        """See the class."""
        (c, _), (f, g, o) = carry, gates
        c = f * c + (1 - f) * g
        h = o * jnp.tanh(c)
        return LSTMCarry(c, h), h
