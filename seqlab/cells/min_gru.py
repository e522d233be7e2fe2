"""The minimal GRU: a GRU whose gate and candidate do not see the state (Feng et al., 2024).

Without the state in them there is nothing for a reset gate to reset, and no tanh is needed to keep h in bounds: it is
an average of candidates.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.base import ParamSpec
from seqlab.cells.initializers import gate_constants, glorot
from seqlab.cells.linear import LinearCell, interpolation
from seqlab.core.array_types import Array, Float, Params


class MinGRUCell(LinearCell):
    """The minimal GRU; the carry is h [B, H].

        z = sigmoid(x W_z + b_z)
        n = x W_n + b_n
        h' = (1 - z) * h + z * n

    As in the paper, and unlike in ``GRUCell``, z = 1 takes the *new* value. The candidate is linear, as in the paper's
    main text. Its appendix computes in log space, and passes the candidate through a function g that keeps it above 0
    for that; neither is done here.

    Params: input_kernel [F, 2H] = (W_z, W_n), bias [2H] = (b_z, b_n).

    References:
        Feng et al., Were RNNs all we needed?, 2024.
    """

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {"input_kernel": (glorot(2), (num_features, 2 * H)), "bias": (gate_constants(0.0, 0.0), (2 * H,))}

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """The coefficients (1 - z, z * n)."""
        z, n = jnp.split(super().project(params, inputs), 2, axis=-1)
        return interpolation(jax.nn.sigmoid(-z), n)
