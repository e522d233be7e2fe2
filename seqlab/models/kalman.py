"""The Kalman filter: where the state of a system is, given all observations so far.

    predict   m = f(m),          P = F P F' + Q          F = df/dm
    update    K = P H' (H P H' + R)^-1,   m = m + K (y - h(m)),   P = (I - K H) P (I - K H)' + K R K'     H = dh/dm

For linear f and h with Gaussian noise this is the posterior itself, so no estimate has a smaller mean squared error
(Kalman, 1960); for others it is the *extended* filter, which pretends that they are linear around its estimate. A step
without observation is predicted and not updated. The update in this form (Joseph's) keeps P symmetric and positive.

References:
    Kalman, A new approach to linear filtering and prediction problems, 1960; Saerkkae, Bayesian filtering and
    smoothing, 2013, sections 4.3 and 5.2.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float


class Filtered(NamedTuple):
    """What is known of S states at each step, from the observations up to it.

    Attributes:
        mean: [T, S].
        covariance: [T, S, S].
    """

    mean: Float[Array, "T S"]
    covariance: Float[Array, "T S S"]


def extended_kalman_filter(
    observations: Float[Array, "T O"],
    seen: Bool[Array, " T"],
    *,
    transition: Callable[[Array], Array],
    transition_noise: Float[Array, "S S"],
    observation: Callable[[Array], Array],
    observation_noise: Float[Array, "O O"],
    first_mean: Float[Array, " S"],
    first_covariance: Float[Array, "S S"],
) -> Filtered:
    """Filters one sequence; ``vmap`` it over a batch.

    Args:
        observations: y; what is not seen may hold anything.
        seen: whether each step was observed.
        transition: f, [S] -> [S].
        transition_noise: Q; it is added to f's result.
        observation: h, [S] -> [O].
        observation_noise: R.
        first_mean: of the state at the first step, before its observation.
        first_covariance: the same.
    """
    unit = jnp.eye(len(first_mean), dtype=first_mean.dtype)

    def step(
        state: tuple[Array, Array], observed: tuple[Array, Array]
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        mean, P = state
        y, is_seen = observed
        H = jax.jacfwd(observation)(mean)
        K = jnp.linalg.solve(H @ P @ H.T + observation_noise, H @ P).T
        keep = unit - K @ H
        updated = mean + K @ (jnp.where(is_seen, y, 0.0) - observation(mean))
        mean = jnp.where(is_seen, updated, mean)
        P = jnp.where(is_seen, keep @ P @ keep.T + K @ observation_noise @ K.T, P)
        F = jax.jacfwd(transition)(mean)
        return (transition(mean), F @ P @ F.T + transition_noise), (mean, P)

    _, (means, covariances) = jax.lax.scan(step, (first_mean, first_covariance), (observations, seen))
    return Filtered(means, covariances)


def kalman_filter(
    observations: Float[Array, "T O"],
    seen: Bool[Array, " T"],
    *,
    transition: Float[Array, "S S"],
    transition_noise: Float[Array, "S S"],
    observation: Float[Array, "O S"],
    observation_noise: Float[Array, "O O"],
    first_mean: Float[Array, " S"],
    first_covariance: Float[Array, "S S"],
) -> Filtered:
    """The filter of a linear system x' = A x, y = C x; ``transition`` is A and ``observation`` C, the rest as above.

    >>> one = jnp.eye(1)
    >>> system = {"transition": one, "transition_noise": 0 * one, "observation": one, "observation_noise": one}
    >>> first = {"first_mean": jnp.zeros(1), "first_covariance": one}
    >>> kalman_filter(jnp.array([[2.0]]), jnp.array([True]), **system, **first).mean.tolist()
    [[1.0]]
    """
    return extended_kalman_filter(
        observations,
        seen,
        transition=lambda state: transition @ state,
        transition_noise=transition_noise,
        observation=lambda state: observation @ state,
        observation_noise=observation_noise,
        first_mean=first_mean,
        first_covariance=first_covariance,
    )
