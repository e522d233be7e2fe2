"""The systems of `seqlab.tasks.filtering`: what is simulated, and the filter that knows its equations and noise.

The states of the pendulum are sine and cosine of its angle, and its speed, while its filter has a Gaussian over angle
and speed, N(mean, v). Of the angle it then gives what a squared error asks for, with the deviation around it:

    E[sin]   = exp(-v / 2) sin(mean)
    Var[sin] = (1 - exp(-2 v) cos(2 mean)) / 2 - E[sin]^2       (cos: + for -)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Bool, Float
from seqlab.data.synthetic.linear_gaussian import oscillator, simulate
from seqlab.data.synthetic.pendulum import (
    ERROR_DEVIATION,
    FIRST_DEVIATION,
    PUSH_DEVIATION,
    STEP,
    pendulum_step,
    simulate_pendulum,
)
from seqlab.models.kalman import extended_kalman_filter, kalman_filter


class Estimates(NamedTuple):
    """What a filter knows of D states after each observation.

    Attributes:
        mean: [T, D].
        deviation: [T, D], how far from the mean it takes the state to be.
    """

    mean: Float[Array, "T D"]
    deviation: Float[Array, "T D"]


# (observations [T, O], which steps were seen [T]) -> estimates.
Filter = Callable[[Float[Array, "T O"], Bool[Array, " T"]], Estimates]


class System(NamedTuple):
    """What is observed.

    Attributes:
        states: the names of the D numbers that are estimated; the first is observed, with noise.
        simulate: (generator, rows, steps) -> targets [B, T, D], observations [B, T, O].
        filter: the Kalman filter, or the extended one.
        filter_name: which of them.
    """

    states: tuple[str, ...]
    simulate: Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]
    filter: Filter
    filter_name: str


def _filter_oscillator(observations: Array, seen: Array) -> Estimates:
    system = {name: jnp.asarray(part, jnp.float32) for name, part in oscillator()._asdict().items()}
    mean, covariance = kalman_filter(observations, seen, **system)
    return Estimates(mean, jnp.sqrt(jnp.diagonal(covariance, axis1=1, axis2=2)))


def _filter_pendulum(observations: Array, seen: Array) -> Estimates:
    # A push moves the speed, and by it the angle.
    push = PUSH_DEVIATION * jnp.array([[STEP], [1.0]])
    mean, covariance = extended_kalman_filter(
        observations,
        seen,
        transition=lambda state: jnp.stack(pendulum_step(state[0], state[1], jnp.sin)),
        transition_noise=push @ push.T,
        observation=lambda state: jnp.sin(state[:1]),
        observation_noise=jnp.full((1, 1), ERROR_DEVIATION**2),
        first_mean=jnp.zeros(2),
        first_covariance=FIRST_DEVIATION**2 * jnp.eye(2),
    )
    place, speed = sine_and_cosine(mean[:, 0], covariance[:, 0, 0]), (mean[:, 1], jnp.sqrt(covariance[:, 1, 1]))
    return Estimates(*(jnp.concatenate([two, one[:, None]], axis=1) for two, one in zip(place, speed, strict=True)))


def sine_and_cosine(mean: Float[Array, " T"], variance: Float[Array, " T"]) -> Estimates:
    """Sine and cosine [T, 2] of angles that are Gaussian; the equations stand above.

    >>> sine_and_cosine(jnp.zeros(1), jnp.zeros(1)).mean.tolist()
    [[0.0, 1.0]]
    """
    sin, cos = (jnp.exp(-variance / 2) * of(mean) for of in (jnp.sin, jnp.cos))
    wave = jnp.exp(-2 * variance) * jnp.cos(2 * mean)
    variances = jnp.stack([(1 - wave) / 2 - sin**2, (1 + wave) / 2 - cos**2], axis=-1)
    return Estimates(jnp.stack([sin, cos], axis=-1), jnp.sqrt(jnp.maximum(variances, 0.0)))


SYSTEMS: dict[str, System] = {
    "linear": System(
        states=("position", "quadrature"),
        simulate=lambda rng, rows, steps: simulate(oscillator(), rng, rows, steps),
        filter=_filter_oscillator,
        filter_name="kalman",
    ),
    "pendulum": System(
        states=("sin(angle)", "cos(angle)", "speed"),
        simulate=simulate_pendulum,
        filter=_filter_pendulum,
        filter_name="extended kalman",
    ),
}
