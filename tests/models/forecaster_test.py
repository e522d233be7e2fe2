import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.layers.config import RecurrentConfig
from seqlab.models.forecaster import DIFFERENCES, FORECASTS, Forecaster

B, T, C, U, SEASON = 2, 6, 2, 3, 2


def model_of(forecast="direct", difference="none", located=(True,), cell="vanilla", **options):
    recurrent = RecurrentConfig(cell, hidden_size=4, engine="scan")
    return Forecaster(C, U, located, 0, recurrent, forecast, difference, SEASON, **options)


@functools.cache
def made(*names, **options):
    model = model_of(*names, **options)
    inputs = jnp.asarray(np.random.default_rng(0).normal(size=(B, T, 3 * C if options.get("gaps") else C)), jnp.float32)
    params = jax.jit(model.init)(jax.random.key(0), inputs)["params"]
    return jax.jit(lambda inputs: model.apply({"params": params}, inputs)), inputs, params


# Two of the nine by default: each is a program to compile.
PAIRS = [
    pytest.param(*pair, marks=[] if pair in {("direct", "last"), ("encoder_decoder", "season")} else pytest.mark.slow)
    for pair in itertools.product(FORECASTS, DIFFERENCES)
]


@pytest.mark.parametrize(("forecast", "difference"), PAIRS)
def test_a_level_moves_a_forecast_along_where_differences_are_taken(forecast, difference):
    apply, inputs, _ = made(forecast, difference, shared_columns=True)
    found, moved = apply(inputs), apply(inputs + 5.0)
    assert found.shape == (B, U, C, 1)
    if difference == "none":
        assert float(jnp.abs(moved - found - 5.0).max()) > 0.1
    else:
        np.testing.assert_allclose(moved, found + 5.0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("forecast", FORECASTS)
def test_columns_that_share_a_model_do_not_see_each_other(forecast):
    apply, inputs, _ = made(forecast, "last", shared_columns=True)
    changed = inputs.at[..., 1].set(0.3)
    np.testing.assert_allclose(apply(changed)[:, :, 0], apply(inputs)[:, :, 0], atol=1e-6)
    np.testing.assert_allclose(apply(inputs[..., ::-1]), apply(inputs)[:, :, ::-1], atol=1e-6)
    apart, _, _ = made(forecast, "last")
    assert float(jnp.abs(apart(changed)[:, :, 0] - apart(inputs)[:, :, 0]).max()) > 1e-4


@pytest.mark.slow
def test_with_a_head_of_zeros_differences_give_the_naive_rules():
    for difference, expected in (("last", [-1, -1, -1]), ("season", [-2, -1, -2])):
        model = model_of("direct", difference)
        _, inputs, params = made("direct", difference)
        silent = params | {"head": jax.tree.map(jnp.zeros_like, params["head"])}
        found: Any = model.apply({"params": silent}, inputs)
        np.testing.assert_allclose(found[..., 0], inputs[:, expected])


def test_a_recursive_forecast_reads_its_own_as_if_they_had_come():
    apply, inputs, params = made("recursive")
    found = apply(inputs)
    one_ahead = model_of("recursive").clone(horizon=1)
    rows = inputs
    for step in range(U):
        answer: Any = one_ahead.apply({"params": params}, rows)
        np.testing.assert_allclose(answer[:, 0], found[:, step], atol=1e-5)
        rows = jnp.concatenate([rows, found[:, step : step + 1, :, 0]], axis=1)


@pytest.mark.parametrize("forecast", [pytest.param("direct", marks=pytest.mark.slow), "encoder_decoder"])
def test_with_gaps_what_was_seen_and_when_matters(forecast):
    apply, inputs, _ = made(forecast, gaps=True, located=(True, False))
    values, seen, since = jnp.split(inputs, 3, axis=-1)
    base = apply(jnp.concatenate([values, jnp.ones_like(seen), jnp.zeros_like(since)], axis=-1))
    assert base.shape == (B, U, C, 2)
    missing = apply(jnp.concatenate([values, jnp.zeros_like(seen), jnp.ones_like(since)], axis=-1))
    assert float(jnp.abs(base - missing).max()) > 1e-3


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("directly",), "unknown forecast 'directly'; did you mean 'direct'"),
        (("direct", "first"), "unknown difference"),
    ],
)
def test_unknown_names_are_refused(names, message):
    with pytest.raises(SeqlabError, match=message):
        jax.eval_shape(model_of(*names).init, jax.random.key(0), jnp.zeros((1, T, C)))


@pytest.mark.parametrize("forecast", FORECASTS)
def test_gru_d_reads_gaps_but_no_seasons(forecast):
    inputs = jnp.zeros((1, T, 3 * C))

    def shapes(difference, **options):
        model = model_of(forecast, difference, cell="gru_d", **options)
        return jax.eval_shape(model.init, jax.random.key(0), inputs)

    decay = shapes("last", gaps=True)["params"]["stack"]["layers_0"]["cell"]["input_decay"]
    assert decay.shape == (C,)
    for difference, options in (("season", {"gaps": True}), ("none", {})):
        with pytest.raises(SeqlabError, match="'gru_d' reads values with gaps"):
            shapes(difference, **options)
