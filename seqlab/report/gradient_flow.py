"""Gradient flow as numbers and as a picture: norms of gradients against the distance that they have come.

Norms differ from sequence to sequence by orders of magnitude, so a distance is summed up by its median and by the range
that holds the middle 80% of the sequences, and drawn on a logarithmic scale, where a constant factor a step is a
straight line.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.report.tables import aligned

LOW, HIGH = 0.1, 0.9


class Curve(NamedTuple):
    """Norms over sequences, at each distance; an entry for each distance that any sequence has, from 0.

    Attributes:
        median: the middle sequence's.
        low: a tenth of the sequences have less.
        high: a tenth of the sequences have more.
        sequences: number of sequences that are so long.
    """

    median: list[float]
    low: list[float]
    high: list[float]
    sequences: list[int]


def curve(norms: np.ndarray, exists: np.ndarray) -> Curve:
    """Sums up norms [N, D] of N sequences over those that reach a distance.

    >>> curve(np.array([[2.0, 1.0], [4.0, 9.0], [3.0, 3.0]]), np.array([[1, 1], [1, 0], [1, 1]]) > 0).median
    [3.0, 1.0]
    """
    columns = [norms[exists[:, distance], distance] for distance in range(norms.shape[1]) if exists[:, distance].any()]

    # A quantile is one of the norms, as between an infinite one and another there is nothing to interpolate.
    def quantiles(share: float) -> list[float]:
        return [float(np.quantile(own, share, method="inverted_cdf")) for own in columns]

    return Curve(quantiles(0.5), quantiles(LOW), quantiles(HIGH), [len(own) for own in columns])


def factor_per_step(values: Curve) -> float:
    """By what a step multiplies the median on the whole: (last / first)^(1 / number of steps); nan for one step.

    >>> factor_per_step(Curve([8.0, 4.0, 2.0], [], [], []))
    0.5
    """
    steps = len(values.median) - 1
    if steps < 1 or not values.median[0] > 0:
        return float("nan")
    return (values.median[-1] / values.median[0]) ** (1 / steps)


def flow_table(medians: Mapping[str, list[float]]) -> str:
    """Medians side by side at distances 0, 1, 2, 5, 10, 20, 50, ... and the largest; nan where a curve has ended."""
    longest = max(map(len, medians.values()))
    ladder = (lead * 10**power for power in range(len(str(longest))) for lead in (1, 2, 5))
    distances = sorted({0, *(distance for distance in ladder if distance < longest), longest - 1})
    rows = [
        [str(distance), *(column[distance] if distance < len(column) else float("nan") for column in medians.values())]
        for distance in distances
    ]
    return aligned(["distance", *medians], rows)


def plot_gradient_flow(
    curves: Mapping[str, Curve], target: Path, *, title: str = "", dashed: Mapping[str, list[float]] | None = None
) -> None:
    """Draws a line a curve, with a band for the middle 80% of the sequences, on a logarithmic scale.

    Args:
        curves: by label.
        target: the PNG to write.
        title: stands above.
        dashed: further medians by the label of the curve that they belong to: those after clipping.
    """
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for label, values in curves.items():
        distances = range(len(values.median))
        (line,) = axes.plot(distances, _positive(values.median), label=label)
        axes.fill_between(
            distances, _positive(values.low), _positive(values.high), color=line.get_color(), alpha=0.15, linewidth=0
        )
        if dashed and label in dashed:
            axes.plot(distances, _positive(dashed[label]), "--", color=line.get_color(), label=f"{label}, clipped")
    axes.set_yscale("log")
    axes.set_xlabel("distance: steps before the last one")
    axes.set_ylabel("norm of the loss's gradient by the state")
    axes.set_title(title, fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)


def _positive(values: list[float]) -> np.ndarray:
    """The values with nan, which is not drawn, for what a logarithmic scale cannot show."""
    array = np.asarray(values, float)
    return np.where((array > 0) & np.isfinite(array), array, np.nan)
