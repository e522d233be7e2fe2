"""LSTM with peepholes (Gers and Schmidhuber, 2000): the gates see the memory itself, not only what was let out of it.

While the output gate is shut, h says nothing of c, and the gates of a plain LSTM do not see what they guard. A peephole
is one weight from each memory cell to each of its own gates, so that a cell can time its gates by its own state. Not to
be confused with gates that see the whole memory through a matrix.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import ParamSpec
from seqlab.cells.gates import squash
from seqlab.cells.lstm import LSTMCarry, LSTMCell
from seqlab.core.array_types import Array, Float, Params


class PeepholeLSTMCell(LSTMCell):
    """The LSTM whose gates see the memory; the carry is ``LSTMCarry(c, h)``.

        i = sigmoid(x W_i + h U_i + p_i * c + b_i)
        f = sigmoid(x W_f + h U_f + p_f * c + b_f)
        g = tanh(x W_g + h U_g + b_g)
        c' = f * c + i * g
        o = sigmoid(x W_o + h U_o + p_o * c' + b_o)
        h' = o * tanh(c')

    Input and forget gate see the old memory, the output gate sees the new one.

    Params: those of ``LSTMCell``, and peephole_kernel [3, H] = (p_i, p_f, p_o), zeros at first: the cell starts as a
    plain LSTM. They are the diagonals of kernels, and decay as such.

    References:
        Gers and Schmidhuber, Recurrent nets that time and count, 2000; Graves, Generating sequences with recurrent
        neural networks, 2013 (equations 7 to 11).
    """

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        return {
            **super().param_specs(num_features),
            "peephole_kernel": (nn.initializers.zeros, (3, self.features)),
        }

    @nn.nowrap
    def combine(
        self,
        params: Params,
        carry: tuple[Array, Array],
        projected: Float[Array, "*B G"],
        recurrent: Float[Array, "*B G"],
    ) -> tuple[LSTMCarry, Float[Array, "*B H"]]:
        """See the class."""
        c, H = carry[0], self.features
        p_i, p_f, p_o = params["peephole_kernel"]
        gates = projected + recurrent
        seen = jnp.concatenate([p_i * c, p_f * c, jnp.zeros_like(c)], axis=-1)
        i, f, g = squash(gates[..., : 3 * H] + seen, "sst")
        c = f * c + i * g
        (o,) = squash(gates[..., 3 * H :] + p_o * c, "s")
        h = o * jnp.tanh(c)
        return LSTMCarry(c, h), h
