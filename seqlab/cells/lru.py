"""Linear recurrent unit: a diagonal complex recurrence, parametrised so that it is stable (Orvieto et al., 2023).

A linear recurrence with almost any matrix is, in the basis of its eigenvectors, one with a complex diagonal: at every
step an element turns by a phase and shrinks by |lambda|, so it remembers for about 1 / (1 - |lambda|) steps. Written
with two exponentials, |lambda| stays below 1 whatever the optimizer does, and can be set finely near 1.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.base import ParamSpec
from seqlab.cells.initializers import Initializer, per_gate
from seqlab.cells.linear import LinearCell
from seqlab.core.array_types import Array, Float, Inexact, Key, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.precision import dot


class LRUCarry(NamedTuple):
    """State of an LRU, as two real arrays: optimizers, checkpoints and norms then need to know nothing of it.

    Attributes:
        real: real part of h [B, H].
        imag: imaginary part of h [B, H].
    """

    real: Float[Array, "*B H"]
    imag: Float[Array, "*B H"]


class LRUCell(LinearCell):
    """The linear recurrent unit, with as many complex states as outputs; the carry is ``LRUCarry(real, imag)``.

        lambda = exp(-exp(nu_log) + i exp(theta_log))
        gamma = sqrt(1 - |lambda|^2)
        h' = lambda * h + gamma * (x B)
        output = Re(h' C) + x D

    gamma makes h as large as x B whatever lambda is. In the paper it is a parameter that starts there; here it follows
    lambda, as in later cells of this kind (De et al., 2024). D is a matrix, as F need not be H; in the paper it is
    diagonal. There is no nonlinearity: it belongs between layers.

    Params: nu_log [H], theta_log [H], input_kernel [F, 3H] = (Re B, Im B, D), output_kernel [2H, H] = (Re C; -Im C).

    Attributes:
        r_min: the smallest |lambda| to start from.
        r_max: the largest one; |lambda|^2 starts uniform between their squares.
        max_phase: the largest phase of lambda to start from, in radians; phases start uniform from 0.

    Raises:
        SeqlabError: for radii that are not 0 <= r_min < r_max <= 1, or a phase that is not above 0.

    References:
        Orvieto et al., Resurrecting recurrent neural networks for long sequences, 2023; De et al., Griffin, 2024.
    """

    r_min: float = 0.0
    r_max: float = 1.0
    max_phase: float = 2 * jnp.pi

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        if not (0 <= self.r_min < self.r_max <= 1 and self.max_phase > 0):
            raise SeqlabError(
                f"an LRU needs 0 <= r_min < r_max <= 1 and max_phase > 0; got r_min {self.r_min}, r_max {self.r_max}, "
                f"max_phase {self.max_phase}."
            )
        H = self.features
        # The paper's variances: E|x B|^2 = E|x|^2 / F, half of it in each part; 1 / H for each part of C.
        half = nn.initializers.variance_scaling(0.5, "fan_in", "normal")
        return {
            "nu_log": (_ring(self.r_min, self.r_max), (H,)),
            "theta_log": (_phases(self.max_phase), (H,)),
            "input_kernel": (per_gate(half, 3), (num_features, 3 * H)),
            "output_kernel": (nn.initializers.variance_scaling(2.0, "fan_in", "normal"), (2 * H, H)),
        }

    @nn.nowrap
    def initialize_carry(self, rng: Key, input_shape: tuple[int, ...]) -> LRUCarry:
        """Zeros [B, H] for both parts."""
        zeros = super().initialize_carry(rng, input_shape)
        return LRUCarry(real=zeros, imag=zeros)

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """Re and Im of gamma * (x B), and x D."""
        gamma = jnp.sqrt(-jnp.expm1(-2 * jnp.exp(params["nu_log"])))
        scale = jnp.concatenate([gamma, gamma, jnp.ones_like(gamma)])
        return scale * dot(inputs, params["input_kernel"], self.dtype)

    @nn.nowrap
    def coefficients(
        self, params: Params, projected: Float[Array, "*B G"]
    ) -> tuple[Inexact[Array, " H"], Inexact[Array, "*B H"]]:
        """Lambda [H], which is the same at every step, and gamma * (x B) [B, H], both complex."""
        H = self.features
        eigenvalues = jnp.exp(jax.lax.complex(-jnp.exp(params["nu_log"]), jnp.exp(params["theta_log"])))
        return eigenvalues, jax.lax.complex(projected[..., :H], projected[..., H : 2 * H])

    @nn.nowrap
    def read(self, params: Params, carry: tuple[Array, Array], projected: Float[Array, "*B G"]) -> Float[Array, "*B H"]:
        """Re(h C) + x D."""
        both = jnp.concatenate(carry, axis=-1)
        return dot(both, params["output_kernel"], self.dtype) + projected[..., 2 * self.features :]

    @nn.nowrap
    def to_state(self, carry: tuple[Array, Array]) -> Inexact[Array, "*B H"]:
        """The two parts as complex numbers."""
        return jax.lax.complex(*carry)

    @nn.nowrap
    def to_carry(self, state: Inexact[Array, "*B H"]) -> LRUCarry:
        """Complex numbers as their two parts."""
        return LRUCarry(state.real, state.imag)


def _ring(r_min: float, r_max: float) -> Initializer:
    """nu_log of eigenvalues that are uniform over the ring between two radii."""

    def init(key: Key, shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        # Never 0, whose logarithm there is none of, and never 1.
        uniform = jax.random.uniform(key, shape, dtype, minval=jnp.finfo(dtype).tiny)
        return jnp.log(-0.5 * jnp.log(uniform * (r_max**2 - r_min**2) + r_min**2))

    return init


def _phases(max_phase: float) -> Initializer:
    """theta_log of uniform phases."""

    def init(key: Key, shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        return jnp.log(max_phase * jax.random.uniform(key, shape, dtype, minval=jnp.finfo(dtype).tiny))

    return init
