"""Minimal gated unit (Zhou et al., 2016): one gate does the work of the GRU's two.

The gate f decides both how much of the old state the candidate reads and how much of it is replaced. With two blocks of
weights it is the smallest gated cell with a full recurrence. Gate order in the arrays: f, n.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import Cell, ParamSpec
from seqlab.cells.gates import squash
from seqlab.cells.initializers import glorot, orthogonal
from seqlab.core.array_types import Array, Float, Params
from seqlab.core.precision import dot


class MGUCell(Cell):
    """One gate f; the carry is h [B, H].

        f = sigmoid(x W_f + h U_f + b_f)
        n = tanh(x W_n + (f * h) U_n + b_n)
        h' = (1 - f) * h + f * n

    f = 0 keeps the old state, although the paper calls it the forget gate. It is ``ResetBeforeGRUCell`` with r = f and
    z = 1 - f. The second product needs f first, so the ``fused`` engine cannot run it.

    Params: input_kernel [F, 2H] = (W_f, W_n), recurrent_kernel [H, 2H] = (U_f, U_n), bias [2H] = (b_f, b_n).

    References:
        Zhou et al., Minimal gated unit for recurrent neural networks, 2016.
    """

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {
            "input_kernel": (glorot(2), (num_features, 2 * H)),
            "recurrent_kernel": (orthogonal(2), (H, 2 * H)),
            "bias": (nn.initializers.zeros, (2 * H,)),
        }

    @nn.nowrap
    def step(
        self, params: Params, carry: Float[Array, "*B H"], projected: Float[Array, "*B G"]
    ) -> tuple[Float[Array, "*B H"], Float[Array, "*B H"]]:
        """See the class."""
        h, H = carry, self.features
        read, kernel = self.recurrent_input(params, carry), params["recurrent_kernel"]
        (f,) = squash(projected[..., :H] + dot(read, kernel[:, :H], self.dtype), "s")
        n = jnp.tanh(projected[..., H:] + dot(f * read, kernel[:, H:], self.dtype))
        h = (1 - f) * h + f * n
        return h, h
