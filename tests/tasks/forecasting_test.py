import functools
import json
from datetime import datetime
from typing import Any

import jax
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.loaders.dated_csv import Series, Width
from seqlab.data.series import Scaling, SeriesSplits
from seqlab.data.series_windows import series_windows
from seqlab.layers.config import RecurrentConfig
from seqlab.tasks.base import Hyper
from seqlab.tasks.forecast_distributions import DISTRIBUTIONS
from seqlab.tasks.forecast_scores import Yardsticks, baselines, split_scores
from seqlab.tasks.forecasting import ForecastingConfig, make_task
from seqlab.train import evaluate_split
from tests.tasks.learning import learn

SEASON = 4


def series_of(missing=False, num_rows=100):
    rng = np.random.default_rng(0)
    rows = np.arange(num_rows)
    waves = 10 + 3 * np.sin(2 * np.pi * rows / SEASON), -5 + 100 * np.cos(2 * np.pi * rows / SEASON)
    values = np.stack(waves, axis=1) + rng.normal(0, [0.5, 5.0], (num_rows, 2))
    if missing:
        values[rng.random(values.shape) < 0.2] = np.nan
    width = Width(0, 3600.0)
    dates = [width.after(datetime(2020, 1, 1), step) for step in range(num_rows)]
    whole = Series(("small", "large"), dates, values, width, "waves")
    return SeriesSplits(*whole.split((0.6, 0.2, 0.2)), {}, "waves", "none")


def config_of(**changes):
    sizes: dict[str, Any] = {"lookback": 8, "horizon": 3, "season": SEASON, "batch_size": 8, "eval_batch_size": 8}
    recurrent = RecurrentConfig("vanilla", hidden_size=6, engine="scan")
    return ForecastingConfig(**{**sizes, "recurrent": recurrent, **changes})


@functools.cache
def task_of(**changes):
    return make_task(config_of(**changes), series_of(missing=changes.get("gaps") == "mask"))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"output_distribution": "point", "difference": "last"}, marks=pytest.mark.slow),
        {"output_distribution": "quantile", "forecast": "encoder_decoder", "shared_columns": True},
        {"output_distribution": "gaussian", "forecast": "recursive", "gaps": "mask"},
    ],
)
def test_a_batch_can_be_learned(changes):
    task = task_of(**changes)
    _, losses = learn(task, 20 * [task.splits.train.batch(0)], learning_rate=0.02, hyper=Hyper(dropout_rate=0.05))
    assert losses[-1] < 0.8 * losses[0]


@functools.cache
def finished(folder, **changes):
    task = task_of(**changes)
    params = jax.jit(task.init)(jax.random.key(1))
    return task.finish(params, folder, jax.jit), evaluate_split(task, jax.jit(task.evaluate), params, "test")


@pytest.mark.slow
@pytest.mark.parametrize("gaps", ["refuse", "mask"])
def test_scores_of_batches_with_fillers_and_gaps_are_those_of_the_whole_split(tmp_path, gaps):
    (tmp_path / "predictions").mkdir()
    scores, by_batches = finished(tmp_path, output_distribution="gaussian", gaps=gaps)
    whole = scores["test"]
    for name, value in by_batches.items():
        if name != "loss":
            assert whole[name] == pytest.approx(value, rel=1e-4), name
    columns = whole["by_column"]
    if gaps == "refuse":
        assert np.mean([own["mse"] for own in columns.values()]) == pytest.approx(whole["mse"], rel=1e-5)
        assert np.mean(whole["mse_by_step"]) == pytest.approx(whole["mse"], rel=1e-4)
    pictures = json.loads((tmp_path / "predictions" / "forecasts.json").read_text())
    assert {"columns", "read", "came", "forecast", "low_50", "high_90"} <= pictures[0].keys()
    assert np.array(pictures[0]["read"]).shape == (8, 2)


def test_scores_are_what_their_names_say():
    series = series_of()
    scaling = Scaling.of(series.train)
    sizes = {"lookback": 8, "horizon": 3, "gaps": "refuse", "batch_size": 8, "eval_batch_size": 8, "seed": 0}
    windows = series_windows(series, scaling, **sizes)
    yardsticks = Yardsticks.of(scaling, windows.scaled, SEASON)
    test = windows.test.sample(1000)
    naive = baselines(windows, yardsticks, SEASON)["seasonal naive"]["test"]
    values = np.concatenate([part.values for part in series.parts])
    errors = np.stack(
        [values[start + step] - values[start - SEASON + step % SEASON] for start in range(80, 98) for step in range(3)]
    )
    deviation, train = series.train.values.std(axis=0), series.train.values
    assert naive["mse"] == pytest.approx(np.mean(np.square(errors / deviation)), rel=1e-4)
    assert naive["rmse_in_units"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-4)
    ruler = np.abs(train[SEASON:] - train[:-SEASON]).mean(axis=0)
    assert naive["mase"] == pytest.approx(np.mean(np.abs(errors) / ruler), rel=1e-4)
    points = test.inputs[:, -1:].repeat(3, axis=1)[..., None]
    own = split_scores(DISTRIBUTIONS["point"], points, test, yardsticks)
    assert own["crps"] == own["mae"]
    assert "coverage_50" not in own
    linear = baselines(windows, yardsticks, SEASON)["linear"]["test"]
    assert linear["mse"] < naive["mse"] < own["mse"]
    assert 0.75 < linear["coverage_90"] <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lookback": 3}, "--lookback=3: expected at least 4 rows, for --season=4"),
        ({"lookback": 4, "difference": "season"}, "expected at least 5 rows"),
        ({"lookback": 90}, "waves: expected at least 93 rows, --lookback=90 and --horizon=3, in the training part"),
        ({"output_distribution": "normal"}, "unknown output_distribution 'normal'. Known: gaussian, point, quantile"),
        ({"gaps": "fill"}, "unknown gaps 'fill'"),
        ({"horizon": 0}, "at least 1"),
    ],
)
def test_wrong_configurations_are_refused(changes, message):
    with pytest.raises(SeqlabError, match=message):
        make_task(config_of(**changes), series_of())
