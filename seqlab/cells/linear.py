"""Linear recurrences: cells whose state is multiplied, element by element, by numbers that the input alone decides.

    h_t = a_t * h_{t-1} + b_t

Such steps can be joined before any state is known: (a, b) and then (a', b') is (a' a, a' b + b'). Joining is
associative, so all T states can be had in log2(T) rounds instead of T steps (Blelloch, 1990); the ``associative``
engine does that. The price is that no gate sees the state: what one layer cannot decide is left to the layers above.

References: Martin and Cundy, Parallelizing linear recurrent neural nets over sequence length, 2018.
"""

import flax.linen as nn
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.core.array_types import Array, Carry, Float, Inexact, Params


class LinearCell(Cell):
    """h_t = a_t * h_{t-1} + b_t; the output is read from h_t. A subclass gives ``param_specs`` and ``project``.

    ``project`` does all that needs no state, gates included: its first 2H columns are a and b, the others are the
    subclass's own. Where that does not fit, the subclass has its own ``coefficients``, ``read``, ``to_state`` and
    ``to_carry``.
    """

    @nn.nowrap
    def coefficients(
        self, params: Params, projected: Float[Array, "*B G"]
    ) -> tuple[Inexact[Array, "..."], Inexact[Array, "..."]]:
        """The factor a and the summand b [B, H] of each step, which broadcast against each other."""
        del params
        H = self.features
        return projected[..., :H], projected[..., H : 2 * H]

    @nn.nowrap
    def read(self, params: Params, carry: Carry, projected: Float[Array, "*B G"]) -> Float[Array, "*B H"]:
        """The output of a step, from the carry that it made and its projected input: the carry itself."""
        del params, projected
        return carry

    @nn.nowrap
    def to_state(self, carry: Carry) -> Inexact[Array, "*B H"]:
        """The carry as the one array h that the recurrence is about."""
        return carry

    @nn.nowrap
    def to_carry(self, state: Inexact[Array, "*B H"]) -> Carry:
        """The inverse of ``to_state``."""
        return state

    @nn.nowrap
    def step(self, params: Params, carry: Carry, projected: Float[Array, "*B G"]) -> tuple[Carry, Float[Array, "*B H"]]:
        """One time step from projected inputs: a * h + b, and what is read from it."""
        a, b = self.coefficients(params, projected)
        carry = self.to_carry(a * self.to_state(carry) + b)
        return carry, self.read(params, carry, projected)


def interpolation(
    keep: Float[Array, "*B H"], new: Float[Array, "*B H"], *others: Float[Array, "*B H"]
) -> Float[Array, "*B G"]:
    """The projection of h_t = keep * h_{t-1} + (1 - keep) * new, with other columns behind it.

    >>> interpolation(jnp.array([0.75]), jnp.array([8.0])).tolist()
    [0.75, 2.0]
    """
    return jnp.concatenate([keep, (1 - keep) * new, *others], axis=-1)
