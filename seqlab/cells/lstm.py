"""Long short-term memory (Hochreiter and Schmidhuber, 1997), with the forget gate of Gers et al. (2000).

The memory c is changed by addition and by a gate that can stay near 1, so the derivative of c_t by c_0 is a product of
forget gates instead of a product of matrices: it can stay near 1 over hundreds of steps. That is why the forget gate's
bias starts at 1 (Jozefowicz et al., 2015). Gate order in the arrays: i, f, g, o (PyTorch, cuDNN).
"""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import Cell, ParamSpec
from seqlab.cells.initializers import gate_constants, glorot, orthogonal
from seqlab.core.array_types import Array, Float, Key, Params


class LSTMCarry(NamedTuple):
    """State of an LSTM.

    Attributes:
        c: the memory [B, H].
        h: the hidden state, which is also the output [B, H].
    """

    c: Float[Array, "*B H"]
    h: Float[Array, "*B H"]


class LSTMCell(Cell):
    """The LSTM with forget gate and without peepholes; the carry is ``LSTMCarry(c, h)``.

        i = sigmoid(x W_i + h U_i + b_i)
        f = sigmoid(x W_f + h U_f + b_f)
        g = tanh(x W_g + h U_g + b_g)
        o = sigmoid(x W_o + h U_o + b_o)
        c' = f * c + i * g
        h' = o * tanh(c')

    Params: input_kernel [F, 4H] = (W_i, W_f, W_g, W_o), recurrent_kernel [H, 4H] = (U_i, U_f, U_g, U_o), bias [4H].

    Attributes:
        forget_bias: the value that b_f starts from; it is a parameter like any other afterwards.

    References:
        Hochreiter and Schmidhuber, Long short-term memory, 1997; Gers et al., Learning to forget, 2000; Jozefowicz et
        al., An empirical exploration of recurrent network architectures, 2015 (forget bias 1).
    """

    forget_bias: float = 1.0

    gate_kinds: ClassVar[str] = "ssts"

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {
            "input_kernel": (glorot(4), (num_features, 4 * H)),
            "recurrent_kernel": (orthogonal(4), (H, 4 * H)),
            "bias": (gate_constants(0.0, self.forget_bias, 0.0, 0.0), (4 * H,)),
        }

    @nn.nowrap
    def initialize_carry(self, rng: Key, input_shape: tuple[int, ...]) -> LSTMCarry:
        """Zeros [B, H] for memory and hidden state."""
        zeros = super().initialize_carry(rng, input_shape)
        return LSTMCarry(c=zeros, h=zeros)

    @nn.nowrap
    def hidden(self, carry: tuple[Array, Array]) -> Float[Array, "*B H"]:
        """The second of (c, h)."""
        return carry[1]

    @nn.nowrap
    def merge(
        self, params: Params, carry: tuple[Array, Array], gates: tuple[Array, ...]
    ) -> tuple[LSTMCarry, Float[Array, "*B H"]]:
        """See the class."""
        (c, _), (i, f, g, o) = carry, gates
        c = f * c + i * g
        h = o * jnp.tanh(c)
        return LSTMCarry(c, h), h
