"""Forecasting: the last rows of a series in, its next rows out.

The loss is that of the output distribution on scaled values: squared error, the negative log-likelihood of Gaussians,
or the pinball loss of 19 quantiles. Missing targets count for nothing. Scores and baselines stand in
`seqlab.tasks.forecast_scores`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Key, Params
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.keys import for_purpose
from seqlab.data.batch import Batch
from seqlab.data.series import Scaling, SeriesSplits
from seqlab.data.series_windows import WindowBatches, series_windows
from seqlab.data.splits import HELD_OUT, PARTS
from seqlab.layers.config import RecurrentConfig
from seqlab.metrics import Mean
from seqlab.metrics.accumulate import Metrics
from seqlab.models.forecaster import Forecaster
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.forecast_distributions import DISTRIBUTIONS, INTERVALS
from seqlab.tasks.forecast_scores import (
    MOST_WINDOWS,
    Yardsticks,
    baselines,
    forecast_metrics,
    known_targets,
    point_metrics,
    split_scores,
    with_roots,
)

SCALING_FILE = "scaling.json"
NUM_PICTURES, NUM_SHOWN = 3, 2


@dataclass(frozen=True)
class ForecastingConfig:
    """A forecaster, and how its series is cut.

    Attributes:
        lookback: rows that a forecast is made from.
        horizon: rows that are forecast.
        season: rows of a season, for the naive rule, MASE and ``difference``.
        forecast: a name in ``seqlab.models.forecaster.FORECASTS``.
        difference: a name in ``seqlab.models.forecaster.DIFFERENCES``.
        output_distribution: a name in ``seqlab.tasks.forecast_distributions.DISTRIBUTIONS``.
        shared_columns: whether one model reads every column alone.
        gaps: how missing values are read; a name in ``seqlab.data.series_windows.GAPS``.
        recurrent: the recurrent layers.
        batch_size: windows of a training batch.
        eval_batch_size: windows of a batch in evaluation.
        seed: of the order of training.
    """

    lookback: int = 72
    horizon: int = 24
    season: int = 24
    forecast: str = "direct"
    difference: str = "none"
    output_distribution: str = "point"
    shared_columns: bool = False
    gaps: str = "refuse"
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    batch_size: int = 32
    eval_batch_size: int = 32
    seed: int = 0


def make_model(config: ForecastingConfig, num_columns: int) -> Forecaster:
    """The model for so many columns."""
    if config.output_distribution not in DISTRIBUTIONS:
        raise unknown_name("output_distribution", config.output_distribution, DISTRIBUTIONS)
    distribution = DISTRIBUTIONS[config.output_distribution]
    return Forecaster(
        num_columns=num_columns,
        horizon=config.horizon,
        located=distribution.located,
        point_index=distribution.point_index,
        recurrent=config.recurrent,
        forecast=config.forecast,
        difference=config.difference,
        season=config.season,
        shared_columns=config.shared_columns,
        gaps=config.gaps == "mask",
    )


def init_params(model: Forecaster, lookback: int, key: Key) -> Params:
    """The model's params before training."""
    width = model.num_columns * (3 if model.gaps else 1)
    params = model.init(key, jnp.zeros((1, lookback, width)))["params"]
    return model.recurrent.start_gates(params, for_purpose(key, "gates"))


def make_task(config: ForecastingConfig, series: SeriesSplits) -> Task:
    """The task of forecasting this series; its scaling comes from the training part alone.

    Raises:
        SeqlabError: wrong names or numbers in ``config``, or a part that is too short.
        DataError: a column without variation in training.
    """
    _check(config)
    scaling = Scaling.of(series.train)
    sizes = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size, "seed": config.seed}
    span = {"lookback": config.lookback, "horizon": config.horizon}
    windows = series_windows(series, scaling, gaps=config.gaps, **span, **sizes)
    yardsticks = Yardsticks.of(scaling, windows.scaled, config.season)
    distribution = DISTRIBUTIONS.get(config.output_distribution, DISTRIBUTIONS["point"])
    model = make_model(config, len(scaling.columns))
    jax.eval_shape(lambda key: init_params(model, config.lookback, key), jax.random.key(0))  # Says what is wrong.

    def apply(params: Params, inputs: Array, **options: Any) -> Array:
        return model.apply({"params": params}, inputs, **options)  # pyright: ignore[reportReturnType]

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        rngs = {"dropout": for_purpose(key, "dropout")}
        answers = apply(params, jnp.asarray(batch.inputs), rngs=rngs, **hyper.drop_rates())
        targets, known = known_targets(batch)
        total, weight = distribution.loss(answers, targets, known)
        points = point_metrics(distribution.point(answers), targets, known, yardsticks)
        return Loss(total, weight, carry, {"loss": Mean(total, weight), **points})

    def evaluate(params: Params, carry: Any, batch: Batch) -> tuple[Metrics, Any]:
        answers = apply(params, jnp.asarray(batch.inputs))
        targets, known = known_targets(batch)
        metrics = forecast_metrics(distribution, answers, targets, known, yardsticks)
        return {"loss": Mean(*distribution.loss(answers, targets, known)), **metrics}, carry

    def predict(params: Params, part: WindowBatches, jit: Compile) -> tuple[np.ndarray, Batch]:
        """The answers to the windows of a part in order, and the windows."""
        compiled, params = jit(apply), jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        batch, size = part.sample(MOST_WINDOWS), part.batch_size
        num_windows = len(batch.inputs)
        padded = np.concatenate([batch.inputs, np.zeros_like(batch.inputs[: -num_windows % size])])
        answers = [
            np.asarray(compiled(params, jnp.asarray(padded[first : first + size])))
            for first in range(0, num_windows, size)
        ]
        return np.concatenate(answers)[:num_windows], batch

    def finish(params: Params, folder: Path, jit: Compile) -> dict[str, dict[str, Any]]:
        scores: dict[str, dict[str, Any]] = {}
        for name in HELD_OUT:
            answers, batch = predict(params, getattr(windows, name), jit)
            scores[name] = split_scores(distribution, answers, batch, yardsticks)
            if name == "test":
                pictures = _pictures(config, scaling, answers, batch)
                (folder / "predictions" / "forecasts.json").write_text(json.dumps(pictures) + "\n", encoding="utf-8")
        return scores

    def show(params: Params, key: Key) -> str:
        del key
        part = windows.validation
        chosen = part.starts[:: max(1, len(part.starts) // NUM_SHOWN)][:NUM_SHOWN]
        batch = part.windows(chosen)
        params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        points = scaling.unscale(np.asarray(distribution.point(apply(params, jnp.asarray(batch.inputs)))))
        return _lines(scaling.columns, points, scaling.unscale(batch.targets))

    return Task(
        name="forecasting",
        splits=windows.splits(),
        init=lambda key: init_params(model, config.lookback, key),
        initial_carry=lambda batch_size: (),
        loss=loss,
        evaluate=evaluate,
        batch_sizes={name: getattr(windows, name).batch_size for name in PARTS},
        scores=with_roots,
        baselines=lambda: baselines(windows, yardsticks, config.season),
        artifacts={SCALING_FILE: scaling.save},
        show=show,
        headline="rmse_in_units" if len(scaling.columns) == 1 else "mse",
        unit="values",
        finish=finish,
    )


def _check(config: ForecastingConfig) -> None:
    if min(config.horizon, config.season) < 1:
        raise SeqlabError(f"horizon and season must be at least 1; got {config.horizon} and {config.season}.")
    # The naive rule needs a season, a difference by seasons a row more, and what forecasts step by step two rows.
    needed = config.season + 1 if config.difference == "season" else max(2, config.season)
    if config.lookback < needed:
        raise SeqlabError(
            f"--lookback={config.lookback}: expected at least {needed} rows, for --season={config.season} and "
            f"--difference={config.difference}."
        )


def in_units(config: ForecastingConfig, scaling: Scaling, answers: np.ndarray) -> dict[str, np.ndarray]:
    """Answers [..., C, P] as ``forecast``, and the ends of intervals ``low_90`` ... where they have any, [..., C]."""
    distribution = DISTRIBUTIONS[config.output_distribution]
    made = jnp.asarray(answers, jnp.float32)
    found = {"forecast": scaling.unscale(np.asarray(distribution.point(made), np.float64))}
    if distribution.interval is not None:
        for percent in INTERVALS:
            for name, end in zip(("low", "high"), distribution.interval(made, percent), strict=True):
                found[f"{name}_{percent}"] = scaling.unscale(np.asarray(end, np.float64))
    return found


def _pictures(config: ForecastingConfig, scaling: Scaling, answers: np.ndarray, batch: Batch) -> list[dict[str, Any]]:
    """A few test windows, evenly spread, in units: what was read, what came, and what was forecast, by column.

    Forecasts of one row ahead make no picture alone: there, the last rows in a row are one picture.
    """
    num_columns = len(scaling.columns)
    if config.horizon == 1:
        last = slice(-3 * config.lookback, None)
        made = in_units(config, scaling, answers[last, 0])
        return [
            {"columns": scaling.columns, "read": [], "came": _numbers(scaling.unscale(batch.targets[last, 0]))}
            | {name: _numbers(values) for name, values in made.items()}
        ]
    places = np.linspace(0, len(answers) - 1, NUM_PICTURES + 2).round().astype(int)[1:-1].tolist()
    return [
        {
            "columns": scaling.columns,
            "read": _numbers(scaling.unscale(_seen(batch.inputs[place], num_columns))),
            "came": _numbers(scaling.unscale(batch.targets[place])),
            **{name: _numbers(values) for name, values in in_units(config, scaling, answers[place]).items()},
        }
        for place in places
    ]


def _seen(rows: np.ndarray, num_columns: int) -> np.ndarray:
    """The values [T, C] of rows [T, C], or [T, 3C] with their gaps, nan where a value was not seen at its step."""
    values, seen = rows[:, :num_columns], rows[:, num_columns : 2 * num_columns]
    return np.where(seen > 0, values, np.nan) if seen.size else values


def _numbers(values: np.ndarray) -> list[list[float | None]]:
    """Rows of numbers as JSON has them: null for a missing one."""
    return [[round(float(value), 6) if np.isfinite(value) else None for value in row] for row in values]


def _lines(columns: tuple[str, ...], points: np.ndarray, targets: np.ndarray) -> str:
    """The first column's forecasts and truths, a window after the other."""
    lines = []
    for point, target in zip(points, targets, strict=True):
        for kind, values in (("forecast", point), ("came", target)):
            lines.append(f"{columns[0]} {kind:<9}{' '.join(f'{value:8.3g}' for value in values[:10, 0])}")
    return "\n".join(lines) + "\n"
