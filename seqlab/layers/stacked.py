"""Deep recurrent networks: the outputs of one layer over time are the inputs of the next.

h_t[l] = cell_l(h_{t-1}[l], dropout(h_t[l-1]))     h_t[0] = x_t
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn

from seqlab.core.array_types import Array, Carry, Float, Key, Scalar
from seqlab.engines import Unrolled
from seqlab.layers.dropout import Dropout
from seqlab.layers.recurrent import Bidirectional, Recurrent


class Stacked(nn.Module):
    """Layers on top of each other, with dropout between them and residual connections as an option.

    The carry is a tuple with one carry a layer. Dropout draws a mask for every step and acts between layers only, not
    on the recurrence (Zaremba et al., 2014).

    Attributes:
        layers: recurrent or bidirectional layers, the lowest first.
        residual: whether a layer's inputs are added to its outputs where both have the same width.

    References:
        Zaremba et al., Recurrent neural network regularization, 2014.
    """

    layers: Sequence[Recurrent | Bidirectional]
    residual: bool = False

    @nn.compact
    def __call__(
        self,
        inputs: Float[Array, "B T F"],
        *,
        initial_carry: Sequence[Carry] | None = None,
        dropout_rate: Scalar = 0.0,
        **controls: Any,
    ) -> Unrolled:
        """Outputs [B, T, H] of the highest layer and each layer's last carry; ``controls`` as in ``Recurrent``."""
        outputs, carries = inputs, []
        first = [None] * len(self.layers) if initial_carry is None else initial_carry
        for number, (layer, carry) in enumerate(zip(self.layers, first, strict=True)):
            below = outputs
            dropped = below if number == 0 else Dropout()(below, dropout_rate)
            outputs, carry, _ = layer(dropped, initial_carry=carry, **controls)
            if self.residual and outputs.shape == below.shape:
                outputs = outputs + below
            carries.append(carry)
        return Unrolled(outputs, tuple(carries))

    @nn.nowrap
    def initialize_carry(self, key: Key, batch_size: int) -> Carry:
        """Each layer's state before the first step."""
        return tuple(layer.initialize_carry(key, batch_size) for layer in self.layers)
