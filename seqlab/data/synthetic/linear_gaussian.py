"""A linear-Gaussian system, observed with noise: what the Kalman filter is optimal for.

    x_0 ~ N(0, P_0),   x_t = A x_{t-1} + N(0, Q),   y_t = C x_t + N(0, R)

The one here is a damped oscillator of two states, of which the first is observed. It starts in its stationary
distribution, where each state has variance 1.
"""

from typing import NamedTuple

import numpy as np

from seqlab.core.errors import SeqlabError

DAMPING, PERIOD, OBSERVATION_VARIANCE = 0.97, 12, 0.5


class LinearGaussian(NamedTuple):
    """A system with S states and O observations a step.

    Attributes:
        transition: A [S, S].
        transition_noise: Q [S, S].
        observation: C [O, S].
        observation_noise: R [O, O].
        first_mean: of x_0 [S].
        first_covariance: P_0 [S, S].
    """

    transition: np.ndarray
    transition_noise: np.ndarray
    observation: np.ndarray
    observation_noise: np.ndarray
    first_mean: np.ndarray
    first_covariance: np.ndarray


def oscillator() -> LinearGaussian:
    """The damped oscillator.

    >>> system = oscillator()
    >>> A, Q, P = system.transition, system.transition_noise, system.first_covariance
    >>> bool(np.allclose(A @ P @ A.T + Q, P))
    True
    """
    angle = 2 * np.pi / PERIOD
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return LinearGaussian(
        transition=DAMPING * turn,
        transition_noise=(1 - DAMPING**2) * np.eye(2),
        observation=np.array([[1.0, 0.0]]),
        observation_noise=np.array([[OBSERVATION_VARIANCE]]),
        first_mean=np.zeros(2),
        first_covariance=np.eye(2),
    )


def simulate(
    system: LinearGaussian, rng: np.random.Generator, batch_size: int, num_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws states [B, T, S] and observations [B, T, O].

    Raises:
        SeqlabError: fewer than one step.

    >>> states, observations = simulate(oscillator(), np.random.default_rng(0), 3, 5)
    >>> states.shape, observations.shape
    ((3, 5, 2), (3, 5, 1))
    """
    if num_steps < 1:
        raise SeqlabError(f"sequence_length must be at least 1; got {num_steps}.")

    def noise(covariance: np.ndarray) -> np.ndarray:
        draws = rng.standard_normal((batch_size, num_steps, len(covariance)))
        return draws @ np.linalg.cholesky(covariance).T

    kicks, errors = noise(system.transition_noise), noise(system.observation_noise)
    states = np.empty_like(kicks)
    first = rng.standard_normal((batch_size, len(system.first_mean)))
    state = system.first_mean + first @ np.linalg.cholesky(system.first_covariance).T
    for step in range(num_steps):
        state = state if step == 0 else state @ system.transition.T + kicks[:, step]
        states[:, step] = state
    return states, states @ system.observation.T + errors
