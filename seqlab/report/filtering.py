"""Filtering as pictures: the states, what was seen of them, and where network and filter took them to be."""

import json
from pathlib import Path
from typing import Any

import numpy as np


def plot_filtered(source: Path, target: Path) -> None:
    """Draws every sequence of a run's ``predictions/filtered.json`` as ``filtered_1.png`` and so on.

    The band lies two of the filter's own deviations around its estimate.

    Args:
        source: the file; nothing is drawn where it is not there.
        target: the folder for the pictures.
    """
    if not source.exists():
        return
    target.mkdir(parents=True, exist_ok=True)
    for number, sequence in enumerate(json.loads(source.read_text(encoding="utf-8")), start=1):
        _plot(sequence, target / f"filtered_{number}.png")


def _plot(sequence: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    states = sequence["states"]
    figure = Figure(figsize=(8, 1 + 2.2 * len(states)), layout="constrained")
    truth, estimate, mean, deviation = (
        np.array(sequence[name]) for name in ("truth", "estimate", "filter", "filter_deviation")
    )
    steps = np.arange(1, len(truth) + 1)
    for place, state in enumerate(states):
        axes = figure.add_subplot(len(states), 1, place + 1)
        low, high = (mean + sign * 2 * deviation for sign in (-1, 1))
        axes.fill_between(
            steps, low[:, place], high[:, place], color="C1", alpha=0.2, linewidth=0, label="2 deviations"
        )
        axes.plot(steps, truth[:, place], color="black", linewidth=1.4, label="truth")
        axes.plot(steps, mean[:, place], color="C1", linewidth=1.4, label=sequence["filter_name"])
        axes.plot(steps, estimate[:, place], color="C0", linewidth=1.4, linestyle="--", label="network")
        if place == 0:
            observed = [np.nan if value is None else value for value in sequence["observed"]]
            axes.plot(steps, observed, ".", color="0.5", markersize=5, label="observed")
            figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=5, fontsize="small")
        axes.set_ylabel(state)
        axes.grid(alpha=0.3)
        axes.margins(x=0.01)
    figure.axes[-1].set_xlabel("step")
    figure.savefig(path, dpi=110)
