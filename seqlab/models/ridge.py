"""Linear forecasts by ridge regression, in closed form: the model that a network has to beat.

For each column on its own, with x the T values before and x_T the last of them:

    forecast[u] = x_T + sum_t (x_t - x_T) W[t, u] + b[u]
    W = (X'X + penalty I)^-1 X'Y,   b = mean(Y) - mean(X) W      (X and Y centred)

The level is thus never shrunk. One penalty for all columns and steps is chosen on validation windows.

References:
    Hoerl and Kennard, Ridge regression, 1970; subtracting the last value: Zeng et al., Are transformers effective for
    time series forecasting?, 2023 (NLinear).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

PENALTIES = (1e-2, 1e0, 1e1, 1e2, 1e3, 1e4)


class Ridge(NamedTuple):
    """A linear forecaster.

    Attributes:
        weights: W of each column [C, T, U].
        bias: b of each column [C, U].
        penalty: the one that was chosen.
    """

    weights: np.ndarray
    bias: np.ndarray
    penalty: float

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Forecasts [N, U, C] from values [N, T, C]."""
        last = inputs[:, -1:]
        changes = np.ascontiguousarray((inputs - last).transpose(2, 0, 1)) @ self.weights  # [C, N, U]
        return last + changes.transpose(1, 2, 0) + self.bias.T


def fit_ridge(
    inputs: np.ndarray,
    targets: np.ndarray,
    validation_inputs: np.ndarray,
    validation_targets: np.ndarray,
    penalties: Sequence[float] = PENALTIES,
) -> Ridge:
    """Fits one forecaster for each penalty, and keeps the one that is best on validation.

    Args:
        inputs: [N, T, C], without gaps.
        targets: [N, U, C]; where one is nan, its window is left out for that step and column.
        validation_inputs: [M, T, C].
        validation_targets: [M, U, C].
        penalties: those to choose from, above 0.

    >>> steps = np.arange(12.0)
    >>> windows = np.stack([steps[i : i + 3] for i in range(8)])[..., None]
    >>> model = fit_ridge(windows[:, :2], windows[:, 2:], windows[:, :2], windows[:, 2:])
    >>> model(np.array([[[20.0], [21.0]]])).round(3).tolist()
    [[[22.0]]]
    """
    columns = [_normal_equations(inputs[..., c], targets[..., c]) for c in range(inputs.shape[-1])]
    best, best_error = None, np.inf
    for penalty in penalties:
        solved = [_solve(parts, penalty) for parts in columns]
        model = Ridge(np.stack([W for W, _ in solved]), np.stack([b for _, b in solved]), penalty)
        error = float(np.nanmean(np.square(model(validation_inputs) - validation_targets)))
        if best is None or error < best_error:
            best, best_error = model, error
    assert best is not None
    return best


class _Normal(NamedTuple):
    """Normal equations of some steps ahead.

    Attributes:
        gram: X'X [T, T].
        cross: X'Y [T, U].
        X_mean: [T].
        Y_mean: [U].
    """

    gram: np.ndarray
    cross: np.ndarray
    X_mean: np.ndarray
    Y_mean: np.ndarray


def _normal_equations(inputs: np.ndarray, targets: np.ndarray) -> list[_Normal]:
    """Those of one column [N, T] and [N, U]: of all steps at once, or of each where different windows are known."""
    known = np.isfinite(targets)
    if (known == known[:, :1]).all():
        return [_of_windows(inputs[known[:, 0]], targets[known[:, 0]])]
    return [_of_windows(inputs[seen], targets[seen, step, None]) for step, seen in enumerate(known.T)]


def _of_windows(inputs: np.ndarray, targets: np.ndarray) -> _Normal:
    last = inputs[:, -1:]
    X, Y = inputs - last, targets - last
    if not len(X):
        X, Y = np.zeros((1, inputs.shape[1])), np.zeros((1, targets.shape[1]))
    X_mean, Y_mean = X.mean(axis=0), Y.mean(axis=0)
    X, Y = X - X_mean, Y - Y_mean
    return _Normal(X.T @ X, X.T @ Y, X_mean, Y_mean)


def _solve(parts: list[_Normal], penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """W [T, U] and b [U] of one column."""
    weights = [np.linalg.solve(part.gram + penalty * np.eye(len(part.gram)), part.cross) for part in parts]
    bias = [part.Y_mean - part.X_mean @ W for part, W in zip(parts, weights, strict=True)]
    return np.concatenate(weights, axis=1), np.concatenate(bias)
