"""Scores of forecasts, and the simple models whose scores stand beside them.

    mse, mae          of scaled values, over all columns and rows ahead
    rmse_in_units,    of the series as it was given; over several columns they mix units
    mae_in_units
    mase              mae over that of the seasonal naive rule, a season ahead, on the training rows (Hyndman and
                      Koehler, 2006)
    crps              of scaled values; a closed form for Gaussians, an approximation from 19 quantiles, mae for points
    coverage_50, _90  the share of values inside the central intervals of 50% and 90%

The simple models: *persistence* (the last value stays), *seasonal naive* (the last season comes again) and *linear*
(`seqlab.models.ridge`). Around each lies a Gaussian with the deviation of its errors on the training windows, a number
for each column and row ahead, so that they have intervals too.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array
from seqlab.core.masks import zero_padding
from seqlab.data.batch import Batch
from seqlab.data.series import Scaling
from seqlab.data.series_windows import SeriesWindows
from seqlab.data.splits import HELD_OUT, PARTS
from seqlab.metrics import Mean
from seqlab.metrics.accumulate import Metrics, compute
from seqlab.models.ridge import fit_ridge
from seqlab.tasks.forecast_distributions import DISTRIBUTIONS, INTERVALS, OutputDistribution

# More training windows than these make a simple model no better.
MOST_WINDOWS = 20_000


class Yardsticks(NamedTuple):
    """What errors are measured in.

    Attributes:
        columns: the names of the C columns.
        deviation: units of the series in a scaled one [C].
        naive_error: mean absolute error of the seasonal naive rule on the training rows, scaled [C].
    """

    columns: tuple[str, ...]
    deviation: np.ndarray
    naive_error: np.ndarray

    @classmethod
    def of(cls, scaling: Scaling, scaled: np.ndarray, season: int) -> "Yardsticks":
        """Those of training rows ``scaled`` [N, C]; a season that repeats itself without error counts as one of 1."""
        changes = np.abs(scaled[season:] - scaled[:-season])
        counts = np.isfinite(changes).sum(axis=0)
        naive = np.nansum(changes, axis=0) / np.maximum(counts, 1)
        return cls(
            scaling.columns,
            scaling.deviation.astype(np.float32),
            np.where(naive > 0, naive, 1.0).astype(np.float32),
        )


def known_targets(batch: Batch) -> tuple[Array, Array]:
    """The targets [B, U, C], zeros where they are missing or the window is a filler, and which of them are known."""
    targets = jnp.asarray(batch.targets)
    known = jnp.isfinite(targets)
    if batch.lengths is not None:
        known &= (jnp.asarray(batch.lengths) > 0)[:, None, None]
    return zero_padding(targets, known), known


def point_metrics(point: Array, targets: Array, known: Array, yardsticks: Yardsticks) -> Metrics:
    """``mse`` and ``mse_in_units`` of point forecasts [B, U, C]."""
    errors = zero_padding(point - targets, known)
    weight = known.sum(dtype=errors.dtype)
    return {
        "mse": Mean(jnp.square(errors).sum(), weight),
        "mse_in_units": Mean(jnp.square(errors * yardsticks.deviation).sum(), weight),
    }


def forecast_metrics(
    distribution: OutputDistribution, answers: Array, targets: Array, known: Array, yardsticks: Yardsticks
) -> Metrics:
    """All metrics of answers [B, U, C, P]; see `known_targets` for targets and what is known."""
    point = distribution.point(answers)
    errors = zero_padding(jnp.abs(point - targets), known)
    weight = known.sum(dtype=errors.dtype)
    metrics = point_metrics(point, targets, known, yardsticks) | {
        "mae": Mean(errors.sum(), weight),
        "mae_in_units": Mean((errors * yardsticks.deviation).sum(), weight),
        "mase": Mean((errors / yardsticks.naive_error).sum(), weight),
        "crps": Mean(zero_padding(distribution.crps(answers, targets), known).sum(), weight),
    }
    if distribution.interval is None:
        return metrics
    for percent in INTERVALS:
        low, high = distribution.interval(answers, percent)
        inside = (low <= targets) & (targets <= high) & known
        metrics[f"coverage_{percent}"] = Mean(inside.sum(dtype=errors.dtype), weight)
    return metrics


def with_roots(means: dict[str, float]) -> dict[str, float]:
    """The means, with the root of the squared error in units in its place."""
    means = dict(means)
    if "mse_in_units" in means:
        means["rmse_in_units"] = float(np.sqrt(means.pop("mse_in_units")))
    return means


def split_scores(
    distribution: OutputDistribution, answers: np.ndarray, batch: Batch, yardsticks: Yardsticks
) -> dict[str, Any]:
    """All scores of a whole split at once, ``mse_by_step`` ahead, and ``by_column`` those of each."""
    targets, known = known_targets(batch)
    made = jnp.asarray(answers, jnp.float32)

    def of_part(steps: slice, columns: slice) -> dict[str, float]:
        part = (made[:, steps, columns], targets[:, steps, columns], known[:, steps, columns])
        own = Yardsticks(yardsticks.columns[columns], yardsticks.deviation[columns], yardsticks.naive_error[columns])
        return with_roots(compute(forecast_metrics(distribution, *part, own)))

    every = slice(None)
    squares = np.asarray(jnp.square(distribution.point(made) - targets))
    by_step = np.where(known, squares, 0).sum(axis=(0, 2)) / np.maximum(np.asarray(known).sum(axis=(0, 2)), 1)
    names = yardsticks.columns
    return {
        **of_part(every, every),
        "mse_by_step": [round(float(error), 6) for error in by_step],
        "by_column": {name: of_part(every, slice(place, place + 1)) for place, name in enumerate(names)},
    }


# Values that were read [N, T, C] -> forecasts [N, U, C].
Rule = Callable[[np.ndarray], np.ndarray]


def simple_models(windows: SeriesWindows, season: int) -> dict[str, Rule]:
    """The simple models by name; the linear one is fitted here."""
    inputs, targets = _read(windows.train.sample(MOST_WINDOWS))
    held_out_inputs, held_out_targets = _read(windows.validation.sample(MOST_WINDOWS))
    linear = fit_ridge(inputs, targets, held_out_inputs, held_out_targets)
    horizon = targets.shape[1]

    def persistence(values: np.ndarray) -> np.ndarray:
        return np.repeat(values[:, -1:], horizon, axis=1)

    def seasonal_naive(values: np.ndarray) -> np.ndarray:
        return np.tile(values[:, -season:], (1, -(-horizon // season), 1))[:, :horizon]

    return {"persistence": persistence, "seasonal naive": seasonal_naive, "linear": linear}


def baselines(windows: SeriesWindows, yardsticks: Yardsticks, season: int) -> dict[str, dict[str, Any]]:
    """Scores of the simple models on validation and test; see the module."""
    parts = {name: getattr(windows, name).sample(MOST_WINDOWS) for name in PARTS}
    scores: dict[str, dict[str, Any]] = {}
    for name, rule in simple_models(windows, season).items():
        values, targets = _read(parts["train"])
        errors = rule(values) - targets
        deviation = np.sqrt(np.nanmean(np.square(errors), axis=0)) if len(errors) else np.ones(errors.shape[1:])
        log_deviation = np.log(np.where(deviation > 0, deviation, 1e-3))
        scores[name] = {}
        for split in HELD_OUT:
            point = rule(_read(parts[split])[0])
            answers = np.stack([point, np.broadcast_to(log_deviation, point.shape)], axis=-1)
            scores[name][split] = split_scores(DISTRIBUTIONS["gaussian"], answers, parts[split], yardsticks)
    return scores


def _read(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """The values alone of what is read, and the targets, in float64."""
    num_columns = batch.targets.shape[-1]
    return batch.inputs[..., :num_columns].astype(np.float64), batch.targets.astype(np.float64)
