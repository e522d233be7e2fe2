"""Quasi-recurrent network: gates from the input, and a pooling over time that mixes them (Bradbury et al., 2017)."""

from collections.abc import Mapping

import flax.linen as nn

from seqlab.cells.base import ParamSpec
from seqlab.cells.gates import squash
from seqlab.cells.initializers import gate_constants, glorot
from seqlab.cells.linear import LinearCell, interpolation
from seqlab.core.array_types import Array, Float, Params


class QRNNCell(LinearCell):
    """The quasi-recurrent network with fo-pooling and a window of one step; the carry is the memory c [B, H].

        z = tanh(x W_z + b_z)
        f = sigmoid(x W_f + b_f)
        o = sigmoid(x W_o + b_o)
        c' = f * c + (1 - f) * z
        output = o * c'

    The paper's convolution over a window of k steps is this cell on inputs of which k in a row are laid side by side.

    Params: input_kernel [F, 3H] = (W_z, W_f, W_o), bias [3H] = (b_z, b_f, b_o).

    Attributes:
        forget_bias: the value that b_f starts from.

    References:
        Bradbury et al., Quasi-recurrent neural networks, 2017 (without biases).
    """

    forget_bias: float = 1.0

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H = self.features
        return {
            "input_kernel": (glorot(3), (num_features, 3 * H)),
            "bias": (gate_constants(0.0, self.forget_bias, 0.0), (3 * H,)),
        }

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """The coefficients (f, (1 - f) * z), and o."""
        z, f, o = squash(super().project(params, inputs), "tss")
        return interpolation(f, z, o)

    @nn.nowrap
    def read(
        self, params: Params, carry: Float[Array, "*B H"], projected: Float[Array, "*B G"]
    ) -> Float[Array, "*B H"]:
        """The memory through the output gate."""
        return projected[..., 2 * self.features :] * carry
