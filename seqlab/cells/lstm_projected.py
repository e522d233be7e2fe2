"""LSTM with a projection of its output (LSTMP; Sak et al., 2014): a large memory behind a narrow recurrence.

An LSTM's recurrent kernel has H x 4H weights. Projecting the H outputs down to P before they recur makes it P x 4H, so
that a memory can be wide at a cost that grows with H and not with its square. Gate order in the arrays: i, f, g, o.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import ParamSpec
from seqlab.cells.initializers import orthogonal
from seqlab.cells.lstm import LSTMCarry, LSTMCell
from seqlab.core.array_types import Array, Float, Key, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.precision import dot


class ProjectedLSTMCell(LSTMCell):
    """The LSTM whose hidden state h [B, P] is narrower than its memory c [B, H]; the carry is ``LSTMCarry(c, h)``.

        i, f, g, o, c' as in ``LSTMCell``, from x and h
        h' = (o * tanh(c')) R

    The output is h', so it is P wide, not H. There are no peepholes, as in PyTorch's ``proj_size``.

    Params: input_kernel [F, 4H], recurrent_kernel [P, 4H], bias [4H], projection_kernel R [H, P].

    Attributes:
        projection_size: width P of the hidden state and the output, from 1 to H; by default half of H, rounded down,
            and at least 1.

    Raises:
        SeqlabError: for a ``projection_size`` outside of 1 to H.

    References:
        Sak et al., Long short-term memory recurrent neural network architectures for large scale acoustic modeling,
        2014.
    """

    projection_size: int | None = None

    def __post_init__(self) -> None:
        """Checks the width."""
        super().__post_init__()
        if not 1 <= self.output_size <= max(1, self.features):
            raise SeqlabError(
                f"projection_size must lie in [1, {self.features}], the memory's width; got {self.projection_size}."
            )

    @property
    def output_size(self) -> int:
        """Width P of the hidden state and the output."""
        return max(1, self.features // 2) if self.projection_size is None else self.projection_size

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        H, P = self.features, self.output_size
        return {
            **super().param_specs(num_features),
            "recurrent_kernel": (orthogonal(4), (P, 4 * H)),
            "projection_kernel": (orthogonal(), (H, P)),
        }

    @nn.nowrap
    def initialize_carry(self, rng: Key, input_shape: tuple[int, ...]) -> LSTMCarry:
        """Zeros: memory [B, H], hidden state [B, P]."""
        c, h = super().initialize_carry(rng, input_shape)
        return LSTMCarry(c, h[..., : self.output_size])

    @nn.nowrap
    def merge(
        self, params: Params, carry: tuple[Array, Array], gates: tuple[Array, ...]
    ) -> tuple[LSTMCarry, Float[Array, "*B P"]]:
        """See the class; the one product here is the projection."""
        (c, _), (i, f, g, o) = carry, gates
        c = f * c + i * g
        h = dot(o * jnp.tanh(c), params["projection_kernel"], self.dtype)
        return LSTMCarry(c, h), h
