"""Dropout (Srivastava et al., 2014), with a rate that may be traced.

A population under ``vmap`` trains members of different rates in one program, so the rate is an argument, not an
attribute. A rate that is the plain number 0 costs nothing and needs no key.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.variational import drop_features
from seqlab.core.array_types import Array, Float, Scalar


def is_off(rate: Scalar) -> bool:
    """Whether the rate is known to be zero while the program is traced."""
    return isinstance(rate, int | float) and rate == 0


class Dropout(nn.Module):
    """y = x * keep / (1 - rate), where each element of keep is 1 with probability 1 - rate.

    Draws from Flax's ``dropout`` keys.

    Attributes:
        variational: whether all time steps of a sequence [B, T, ...] share one mask; see ``seqlab.cells.variational``.
    """

    variational: bool = False

    @nn.compact
    def __call__(self, inputs: Float[Array, "..."], rate: Scalar) -> Float[Array, "..."]:
        """Drops elements of the inputs with probability ``rate``, in [0, 1)."""
        if is_off(rate):
            return inputs
        key = self.make_rng("dropout")
        if self.variational:
            return drop_features(key, inputs, rate)
        keep = jax.random.bernoulli(key, 1.0 - rate, inputs.shape)
        return jnp.where(keep, inputs / (1.0 - rate), 0.0)
