import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.models.kalman import extended_kalman_filter, kalman_filter

T, S, NUM_OBSERVED = 5, 2, 2


@functools.cache
def system():
    rng = np.random.default_rng(0)

    def covariance(size):
        root = rng.normal(size=(size, size))
        return root @ root.T + 0.3 * np.eye(size)

    return {
        "transition": rng.normal(size=(S, S)),
        "transition_noise": covariance(S),
        "observation": rng.normal(size=(NUM_OBSERVED, S)),
        "observation_noise": covariance(NUM_OBSERVED),
        "first_mean": rng.normal(size=S),
        "first_covariance": covariance(S),
    }


def by_conditioning(observations, seen):
    """The posterior of each state from the joint Gaussian of all states and observations, as one big matrix."""
    A, Q, C, R, m, P = system().values()
    means, blocks = [m], {(0, 0): P}
    for t in range(1, T):
        means.append(A @ means[-1])
        for s in range(t):
            blocks[t, s] = A @ blocks[t - 1, s]
            blocks[s, t] = blocks[t, s].T
        blocks[t, t] = A @ blocks[t - 1, t - 1] @ A.T + Q
    joint = np.block([[blocks[t, s] for s in range(T)] for t in range(T)])
    every_C, every_R, mean = np.kron(np.eye(T), C), np.kron(np.eye(T), R), np.concatenate(means)
    found = []
    for t in range(T):
        kept = [step * NUM_OBSERVED + part for step in range(t + 1) if seen[step] for part in range(NUM_OBSERVED)]
        own = slice(t * S, (t + 1) * S)
        if not kept:
            found.append((mean[own], joint[own, own]))
            continue
        H = every_C[kept]
        gain = joint[own] @ H.T @ np.linalg.inv(H @ joint @ H.T + every_R[np.ix_(kept, kept)])
        error = observations.reshape(-1)[kept] - H @ mean
        found.append((mean[own] + gain @ error, joint[own, own] - gain @ H @ joint[:, own]))
    return np.stack([mean for mean, _ in found]), np.stack([covariance for _, covariance in found])


def in_jax():
    return {name: jnp.asarray(part, jnp.float32) for name, part in system().items()}


@pytest.mark.parametrize("seen", [[True] * T, [False, True, False, False, True], [False] * T])
def test_the_filter_is_the_posterior_of_the_joint_gaussian(seen):
    observations = np.random.default_rng(1).normal(size=(T, NUM_OBSERVED))
    given = np.where(np.array(seen)[:, None], observations, np.nan)
    found = kalman_filter(jnp.asarray(given, jnp.float32), jnp.array(seen), **in_jax())
    mean, covariance = by_conditioning(observations, seen)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_batch_is_a_stack_of_single_sequences():
    observations = jnp.asarray(np.random.default_rng(2).normal(size=(3, T, NUM_OBSERVED)), jnp.float32)
    seen = jnp.array([[True] * T, [True, False] * 2 + [True], [False] * T])
    one = functools.partial(kalman_filter, **in_jax())
    together = jax.vmap(one)(observations, seen)
    np.testing.assert_allclose(together.mean[1], one(observations[1], seen[1]).mean, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_extended_filter_follows_a_curve_that_noise_hides():
    # x' = x + sin(x) / 2 from an unknown start; y = x^3 with hardly any noise: the state is soon known.
    step, look = (lambda x: x + jnp.sin(x) / 2), (lambda x: x**3 / 3)
    states = [jnp.array([0.8])]
    for _ in range(7):
        states.append(step(states[-1]))
    observations = jnp.stack([look(state) for state in states])
    tiny = jnp.full((1, 1), 1e-6)
    found = extended_kalman_filter(
        observations,
        jnp.ones(8, bool),
        transition=step,
        transition_noise=tiny,
        observation=look,
        observation_noise=tiny,
        first_mean=jnp.ones(1),
        first_covariance=0.1 * jnp.eye(1),
    )
    assert abs(float(found.mean[-1, 0] - states[-1][0])) < 1e-2
    assert float(found.covariance[-1, 0, 0]) < 1e-5
