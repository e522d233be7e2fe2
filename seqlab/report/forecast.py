"""Forecasts as pictures: what was read, what came, and the intervals around what was forecast."""

import json
from pathlib import Path
from typing import Any

import numpy as np

MOST_COLUMNS = 4


def plot_forecasts(source: Path, target: Path) -> None:
    """Draws every window of a run's ``predictions/forecasts.json`` as ``forecast_1.png`` and so on.

    Args:
        source: the file; nothing is drawn where it is not there.
        target: the folder for the pictures.
    """
    if not source.exists():
        return
    target.mkdir(parents=True, exist_ok=True)
    for number, window in enumerate(json.loads(source.read_text(encoding="utf-8")), start=1):
        _plot(window, target / f"forecast_{number}.png")


def _plot(window: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    columns = window["columns"][:MOST_COLUMNS]
    figure = Figure(figsize=(8, 1 + 2.2 * len(columns)), layout="constrained")
    for place, column in enumerate(columns):
        axes = figure.add_subplot(len(columns), 1, place + 1)
        read, came, forecast = (_column(window[name], place) for name in ("read", "came", "forecast"))
        ahead = range(len(forecast))
        # A value between two gaps has no line.
        dots: dict[str, Any] = {"marker": ".", "markersize": 4} if np.isnan([*read, *came]).any() else {}
        if read:
            axes.plot(range(-len(read), 0), read, **dots, color="0.5", linewidth=1.2, label="read")
        for percent, alpha in ((90, 0.2), (50, 0.35)):
            if f"low_{percent}" in window:
                low, high = (_column(window[f"{end}_{percent}"], place) for end in ("low", "high"))
                axes.fill_between(ahead, low, high, color="C0", alpha=alpha, linewidth=0, label=f"{percent}%")
        axes.plot(ahead, came, **dots, color="black", linewidth=1.4, label="came")
        axes.plot(ahead, forecast, color="C0", linewidth=1.4, label="forecast")
        axes.set_ylabel(column)
        axes.grid(alpha=0.3)
        axes.margins(x=0.01)
        if place == 0:
            axes.legend(loc="upper left", ncols=5, fontsize="small")
    figure.axes[-1].set_xlabel("rows from the first that is forecast")
    figure.savefig(path, dpi=110)


def _column(rows: list[list[float | None]], place: int) -> list[float]:
    """One column; a missing value is a gap in the line."""
    values = (row[place] for row in rows)
    return [float("nan") if value is None else value for value in values]
