"""The vanilla cell: one layer that reads its own output of the step before (Elman, 1990).

Its gradient through T steps is a product of T Jacobians diag(act') W_h, which vanishes or explodes with T; the gated
cells were made against that.
"""

from collections.abc import Callable, Mapping

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import Cell, ParamSpec
from seqlab.cells.initializers import Initializer, glorot, orthogonal
from seqlab.core.array_types import Array, Float, Params


class VanillaCell(Cell):
    """h_t = act(x_t W_x + h_{t-1} W_h + b); the carry is h [B, H].

    Params: input_kernel W_x [F, H], recurrent_kernel W_h [H, H], bias b [H].

    Attributes:
        activation: act, tanh or relu (``jax.nn.relu``).
        recurrent_init: what W_h is drawn from. With relu and the identity this is the IRNN of Le et al., whose state,
            without inputs, neither shrinks nor grows at first (they also draw W_x small, with deviation 0.001).

    References:
        Elman, Finding structure in time, 1990; Le et al., A simple way to initialize recurrent networks of rectified
        linear units, 2015.
    """

    activation: Callable[[Array], Array] = jnp.tanh
    recurrent_init: Initializer = orthogonal()

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {
            "input_kernel": (glorot(), (num_features, H)),
            "recurrent_kernel": (self.recurrent_init, (H, H)),
            "bias": (nn.initializers.zeros, (H,)),
        }

    @nn.nowrap
    def combine(
        self,
        params: Params,
        carry: Float[Array, "*B H"],
        projected: Float[Array, "*B H"],
        recurrent: Float[Array, "*B H"],
    ) -> tuple[Float[Array, "*B H"], Float[Array, "*B H"]]:
        """See the class."""
        h = self.activation(projected + recurrent)
        return h, h
