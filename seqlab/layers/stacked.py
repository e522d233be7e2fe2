"""Deep recurrent networks: the outputs of one layer over time are the inputs of the next.

h_t[l] = cell_l(h_{t-1}[l], dropout(h_t[l-1]))     h_t[0] = x_t

What goes around a layer, by name in ``SKIP_CONNECTIONS``: nothing; the layer's inputs, added to its outputs; or, dense,
the stack's inputs to every layer, and every layer's outputs to the stack's.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from seqlab.core.array_types import Array, Carry, Float, Key, Params, Scalar
from seqlab.core.errors import unknown_name
from seqlab.core.masks import lengths_to_mask, zero_padding
from seqlab.engines import Unrolled
from seqlab.layers.dropout import Dropout
from seqlab.layers.recurrent import Bidirectional, Recurrent

SKIP_CONNECTIONS = ("none", "residual", "dense")


class Stacked(nn.Module):
    """Layers on top of each other, with dropout between them and connections around them as options.

    The carry is a tuple with one carry a layer. Dropout at ``dropout_rate`` draws a mask for every step, or one for a
    whole sequence, and acts between layers only, not on the recurrence (Zaremba et al., 2014).

    Attributes:
        layers: recurrent or bidirectional layers, the lowest first.
        skip_connections: ``none``; ``residual``: a layer's inputs are added to its outputs where both have the same
            width; ``dense``: every layer above the lowest sees the stack's inputs behind those from the layer below,
            and the stack's outputs are those of all layers side by side (Graves, 2013).
        variational_dropout: whether all time steps of a sequence share one mask between layers.

    Raises:
        SeqlabError: for unknown ``skip_connections``.

    References:
        Zaremba et al., Recurrent neural network regularization, 2014; Graves, Generating sequences with recurrent
        neural networks, 2013 (dense); Gal and Ghahramani, A theoretically grounded application of dropout in recurrent
        neural networks, 2016.
    """

    layers: Sequence[Recurrent | Bidirectional]
    skip_connections: str = "none"
    variational_dropout: bool = False

    def __post_init__(self) -> None:
        """Checks the name."""
        super().__post_init__()
        if self.skip_connections not in SKIP_CONNECTIONS:
            raise unknown_name("skip_connections", self.skip_connections, SKIP_CONNECTIONS)

    @nn.compact
    def __call__(
        self,
        inputs: Float[Array, "B T *F"],
        *,
        initial_carry: Sequence[Carry] | None = None,
        dropout_rate: Scalar = 0.0,
        **controls: Any,
    ) -> Unrolled:
        """Outputs [B, T, H], L H wide where dense, and each layer's last carry; the rest is as in ``Recurrent``."""
        outputs, of_all, carries = inputs, [], []
        first = [None] * len(self.layers) if initial_carry is None else initial_carry
        if self.skip_connections == "residual":
            inputs = outputs = _without_padding(inputs, **controls)
        for number, (layer, carry) in enumerate(zip(self.layers, first, strict=True)):
            below = outputs
            seen = below if number == 0 else Dropout(variational=self.variational_dropout)(below, dropout_rate)
            if self.skip_connections == "dense" and number > 0:
                seen = jnp.concatenate([seen, inputs], axis=-1)
            outputs, carry, _ = layer(seen, initial_carry=carry, **controls)
            if self.skip_connections == "residual" and outputs.shape == below.shape:
                outputs = outputs + below
            of_all.append(outputs)
            carries.append(carry)
        if self.skip_connections == "dense":
            outputs = jnp.concatenate(of_all, axis=-1)
        return Unrolled(outputs, tuple(carries))

    @nn.nowrap
    def initialize_carry(self, key: Key, batch_size: int) -> Carry:
        """Each layer's state before the first step where none is learned."""
        return tuple(layer.initialize_carry(key, batch_size) for layer in self.layers)

    @nn.nowrap
    def fresh_carry(self, params: Params, batch_size: int) -> Carry:
        """Each layer's state before the first step: the learned one, where params hold any."""
        return tuple(
            layer.fresh_carry(params[f"layers_{number}"], batch_size) for number, layer in enumerate(self.layers)
        )


def _without_padding(inputs: Array, *, lengths: Any = None, mask: Any = None, **others: Any) -> Array:
    """The inputs as they may go around a layer: zeros where no step exists, whatever stands there."""
    del others
    if lengths is not None:
        inputs = zero_padding(inputs, lengths_to_mask(jnp.asarray(lengths), inputs.shape[1]))
    return zero_padding(inputs, mask)
