"""The dense layer, with matrix products in a chosen precision."""

from typing import Any

import flax.linen as nn

from seqlab.core.array_types import Array, Float
from seqlab.core.precision import dot


class Dense(nn.Module):
    """y = x W + b, on the last axis of [..., F].

    Params: kernel W [F, D] (Glorot uniform), bias b [D] (zeros).

    Attributes:
        features: width D of the output.
        dtype: type of the product's factors; see ``seqlab.core.precision``.
    """

    features: int
    dtype: Any = None

    @nn.compact
    def __call__(self, inputs: Float[Array, "*B F"]) -> Float[Array, "*B D"]:
        """Applies the layer."""
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), (inputs.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return dot(inputs, kernel, self.dtype) + bias
