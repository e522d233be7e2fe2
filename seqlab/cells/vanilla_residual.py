"""The vanilla cell as a residual: each step adds a little to the state instead of replacing it.

The Jacobian of a step is I + scale * diag(act') U^T: near the identity for a small scale, so that gradients neither
vanish nor explode over about 1 / scale steps. It is also one Euler step, of length ``scale``, of the differential
equation dh/dt = act(x W + h U + b).
"""

import flax.linen as nn

from seqlab.cells.vanilla import VanillaCell
from seqlab.core.array_types import Array, Float, Params


class ResidualVanillaCell(VanillaCell):
    """h' = h + scale * act(x W + h U + b); the carry is h [B, H].

    Params: those of ``VanillaCell``. A state is not bounded: over T steps it can grow to T * scale.

    Attributes:
        scale: how much a step adds; a constant, not a parameter. 0 leaves the state as it is.

    References:
        He et al., Deep residual learning, 2016; Kusupati et al., FastGRNN, 2018 (FastRNN, which learns the scale);
        Chang et al., AntisymmetricRNN, 2019 (the differential equation).
    """

    scale: float = 0.1

    @nn.nowrap
    def combine(
        self,
        params: Params,
        carry: Float[Array, "*B H"],
        projected: Float[Array, "*B H"],
        recurrent: Float[Array, "*B H"],
    ) -> tuple[Float[Array, "*B H"], Float[Array, "*B H"]]:
        """See the class."""
        h = carry + self.scale * self.activation(projected + recurrent)
        return h, h
