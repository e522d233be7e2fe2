import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.synthetic import generated
from seqlab.data.synthetic.linear_gaussian import oscillator, simulate
from seqlab.data.synthetic.pendulum import simulate_pendulum
from seqlab.layers.config import RecurrentConfig
from seqlab.tasks.filtered_systems import SYSTEMS, sine_and_cosine
from seqlab.tasks.filtering import FilteringConfig, make_problem, make_task, system_batch
from tests.tasks.learning import learn


def config_of(**changes):
    recurrent = RecurrentConfig("vanilla", hidden_size=8, engine="scan")
    sizes = {"sequence_length": 12, "batch_size": 16, "eval_batch_size": 64}
    return FilteringConfig(**{"recurrent": recurrent, **sizes, **changes})


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    monkeypatch.setattr(generated, "VALIDATION_ROWS", 64)
    monkeypatch.setattr(generated, "TEST_ROWS", 256)


@pytest.mark.parametrize("system", [pytest.param("linear", marks=pytest.mark.slow), "pendulum"])
def test_a_batch_can_be_learned(system):
    task = make_task(config_of(system=system, missing_rate=0.2))
    _, losses = learn(task, 20 * [task.splits.train.batch(0)], learning_rate=0.02)
    assert losses[-1] < 0.7 * losses[0]


def test_the_simulated_oscillator_has_the_moments_of_its_equations():
    system = oscillator()
    states, observations = simulate(system, np.random.default_rng(0), 20000, 3)
    for step in range(3):
        np.testing.assert_allclose(np.cov(states[:, step].T), system.first_covariance, atol=0.05)
    lagged = states[:, 0].T @ states[:, 1] / 20000
    np.testing.assert_allclose(lagged, system.first_covariance @ system.transition.T, atol=0.05)
    errors = observations[..., 0] - states[..., 0]
    assert errors.var() == pytest.approx(system.observation_noise[0, 0], rel=0.03)


def test_the_pendulum_says_where_its_bob_is():
    targets, observations = simulate_pendulum(np.random.default_rng(0), 500, 40)
    np.testing.assert_allclose(np.square(targets[..., :2]).sum(axis=-1), 1)
    assert (targets[..., 1] < 0).mean() > 0.05  # Above the horizontal, where one place belongs to two angles.
    assert (observations[..., 0] - targets[..., 0]).std() == pytest.approx(0.3, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_the_filter_is_better_than_looking_at_nothing_and_worse_with_gaps(system):
    errors = {}
    for rate in (0.0, 0.5):
        for name, scores in make_problem(config_of(system=system, missing_rate=rate)).baselines().items():
            errors[name, rate] = scores["test"]["mse"]
    name = SYSTEMS[system].filter_name
    assert errors[name, 0.0] < 0.9 * errors[name, 0.5] < 0.9 * errors["prior mean", 0.5]


def test_the_best_linear_estimate_is_the_kalman_filters():
    config = config_of(sequence_length=8)
    train, test = (system_batch(np.random.default_rng(seed), rows, config) for seed, rows in ((0, 4000), (1, 2000)))
    best = np.linalg.lstsq(train.inputs[..., 0], train.targets[:, -1], rcond=None)[0]
    linear = np.square(test.inputs[..., 0] @ best - test.targets[:, -1]).mean()
    estimates = jax.vmap(SYSTEMS["linear"].filter)(jnp.asarray(test.inputs), jnp.ones((2000, 8), bool))
    kalman = np.square(np.asarray(estimates.mean)[:, -1] - test.targets[:, -1]).mean()
    # The posterior mean is linear in the observations, so both find the same, but for what 4000 rows leave open.
    assert linear == pytest.approx(kalman, rel=0.02)


def test_the_kalman_filter_s_deviation_is_that_of_its_errors():
    batch = system_batch(np.random.default_rng(0), 2000, config_of(missing_rate=0.3))
    seen = jnp.asarray(batch.inputs[..., 1] > 0)
    found = jax.jit(jax.vmap(SYSTEMS["linear"].filter))(jnp.asarray(batch.inputs[..., :1]), seen)
    errors = (found.mean - batch.targets) / found.deviation
    np.testing.assert_allclose(np.sqrt(np.square(errors).mean(axis=(0, 1))), 1, atol=0.02)


def test_sine_and_cosine_of_a_gaussian_angle_have_the_moments_of_draws():
    mean, variance = np.array([0.3, -2.0]), np.array([0.04, 1.5])
    draws = mean + np.sqrt(variance) * np.random.default_rng(0).standard_normal((200_000, 2))
    waves = np.stack([np.sin(draws), np.cos(draws)], axis=-1)
    found = sine_and_cosine(jnp.asarray(mean, jnp.float32), jnp.asarray(variance, jnp.float32))
    np.testing.assert_allclose(found.mean, waves.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(found.deviation, waves.std(axis=0), atol=0.01)


@pytest.mark.slow
def test_finishing_says_the_error_over_the_filters(tmp_path):
    task = make_task(config_of())
    params = jax.jit(task.init)(jax.random.key(0))
    ratio = task.finish(params, tmp_path, jax.jit)["test"]["over_kalman"]
    assert ratio > 1.2


@functools.cache
def asked(missing_rate):
    problem = make_problem(config_of(missing_rate=missing_rate))

    def answers(*lines):
        return problem.answer(lambda inputs, lengths: jnp.cumsum(inputs, axis=1)[..., :2].repeat(2, -1)[..., :2], lines)

    return answers


def test_an_answer_is_an_estimate_after_each_observation():
    (answer,) = asked(0.0)("[1.0, 2.0, 0.5]")
    assert answer["steps"] == 3
    assert answer["last"] == {"position": 3.5, "quadrature": 3.5}
    assert asked(0.5)("[1.0, null, 0.5]")[0]["estimates"][1] == [2.0, 2.0]
    json.dumps(answer)


@pytest.mark.parametrize("line", ["[]", "[[1, 2]]", "[1, null]", "[1, NaN]", "[1, Infinity]", "one"])
def test_a_line_of_another_kind_is_refused(line):
    with pytest.raises(SeqlabError, match=r"line 2: expected a JSON list of observations, such as \[0.3, -1.2, 0.9\]"):
        asked(0.0)("[1]", line)


def test_wrong_configurations_are_refused():
    for changes, message in (({"system": "linaer"}, "did you mean 'linear'"), ({"missing_rate": 1.0}, "must lie in")):
        with pytest.raises(SeqlabError, match=message):
            make_problem(config_of(**changes))
