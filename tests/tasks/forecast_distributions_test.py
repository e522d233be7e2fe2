import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.metrics.crps import gaussian_crps, quantile_crps
from seqlab.tasks.forecast_distributions import DISTRIBUTIONS, LEVELS

MEAN, DEVIATION = 0.7, 1.6


def by_integration(cdf, target):
    ends = np.linspace(-30, 30, 60001)
    return float(np.trapezoid(np.square(cdf(ends) - (ends >= target)), ends))


@pytest.mark.parametrize("target", [-3.0, 0.7, 2.0])
def test_crps_of_a_gaussian_is_the_integral_of_its_definition(target):
    expected = by_integration(lambda ends: np.asarray(jax.scipy.stats.norm.cdf(ends, MEAN, DEVIATION)), target)
    found = gaussian_crps(*(jnp.array(value, jnp.float32) for value in (MEAN, DEVIATION, target)))
    assert float(found) == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_crps_of_many_quantiles_comes_near_that_of_their_gaussian():
    levels = np.arange(0.5, 400) / 400
    quantiles = jnp.asarray(MEAN + DEVIATION * np.asarray(jax.scipy.stats.norm.ppf(levels)), jnp.float32)
    targets = jnp.array([-1.0, 0.5, 3.0])
    found = quantile_crps(jnp.broadcast_to(quantiles, (3, 400)), levels.tolist(), targets)
    expected = gaussian_crps(jnp.full(3, MEAN), jnp.full(3, DEVIATION), targets)
    np.testing.assert_allclose(found, expected, rtol=1e-2)


def true_answers():
    rng = np.random.default_rng(0)
    targets = jnp.asarray(MEAN + DEVIATION * rng.standard_normal(20000), jnp.float32)
    quantiles = MEAN + DEVIATION * np.asarray(jax.scipy.stats.norm.ppf(np.array(LEVELS)))
    answers = {"point": [MEAN], "gaussian": [MEAN, np.log(DEVIATION)], "quantile": quantiles}
    return {name: jnp.asarray(numbers, jnp.float32) for name, numbers in answers.items()}, targets


@pytest.mark.parametrize("name", ["gaussian", "point", pytest.param("quantile", marks=pytest.mark.slow)])
def test_the_true_answer_has_the_least_loss_and_intervals_that_cover_their_share(name):
    distribution, (answers, targets) = DISTRIBUTIONS[name], true_answers()
    answer = answers[name]
    assert answer.shape == (len(distribution.located),)

    def loss(answer):
        return float(distribution.loss(jnp.broadcast_to(answer, (len(targets), len(answer))), targets, None).total)

    for place in range(len(answer)):
        for change in (-0.3, 0.3):
            assert loss(answer.at[place].add(change)) > loss(answer)
    if distribution.interval is None:
        return
    for percent in (50, 90):
        low, high = distribution.interval(answer, percent)
        covered = float(((low <= targets) & (targets <= high)).mean())
        assert covered == pytest.approx(percent / 100, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
def test_what_is_masked_reaches_neither_loss_nor_gradient(name):
    distribution, (answers, _) = DISTRIBUTIONS[name], true_answers()
    targets, mask = jnp.array([0.5, jnp.nan]), jnp.array([True, False])

    def loss(answer):
        return distribution.loss(answer, targets, mask).total

    answer = jnp.stack([answers[name], jnp.full_like(answers[name], jnp.nan)])
    value, gradient = jax.value_and_grad(loss)(answer)
    alone = distribution.loss(answer[:1], targets[:1], None)
    assert float(value) == pytest.approx(float(alone.total), rel=1e-6)
    assert float(distribution.loss(answer, targets, mask).weight) == 1
    assert np.isfinite(gradient).all()
    assert not np.asarray(gradient[1]).any()


def test_crossed_quantiles_are_put_in_order():
    distribution, (answers, targets) = DISTRIBUTIONS["quantile"], true_answers()
    crossed = jnp.flip(answers["quantile"])
    assert distribution.interval is not None
    for found, expected in zip(
        distribution.interval(crossed, 90), distribution.interval(answers["quantile"], 90), strict=True
    ):
        assert float(found) == float(expected)
    scores = (
        distribution.crps(jnp.broadcast_to(answer, (20000, 19)), targets).mean()
        for answer in (crossed, answers["quantile"])
    )
    first, second = map(float, scores)
    assert first == pytest.approx(second, rel=1e-6)
