"""Accuracy against the distance of the dependency that it rests on, for one run or for repetitions of several.

A task that scores distances apart names these scores ``accuracy_at_LOW_to_HIGH``: the accuracy over the rows whose
distance is in [LOW, HIGH].
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.report.records import group_runs, read_runs
from seqlab.report.statistics import Spread, spread

Bucket = tuple[int, int]


class DistanceRow(NamedTuple):
    """The accuracy of one group of runs over one range of distances.

    Attributes:
        label: the group's settings, such as ``cell=gru``.
        bucket: the range, both ends included.
        spread: of the accuracy over the group's complete runs.
    """

    label: str
    bucket: Bucket
    spread: Spread


def accuracies(scores: Mapping[str, float]) -> dict[Bucket, float]:
    """The scores that belong to distances.

    >>> accuracies({"loss": 0.1, "accuracy_at_1_to_5": 1.0, "accuracy_at_6_to_10": 0.75})
    {(1, 5): 1.0, (6, 10): 0.75}
    """
    found = ((re.fullmatch(r"accuracy_at_(\d+)_to_(\d+)", name), value) for name, value in scores.items())
    return {(int(match[1]), int(match[2])): value for match, value in found if match and value is not None}


def accuracy_against_distance(folders: Iterable[Path | str], split: str = "test") -> list[DistanceRow]:
    """The table of these runs, grouped by the flags in which they differ apart from the seed.

    Runs that are not complete, or have no scores by distance, are passed over.
    """
    runs = [run for run in read_runs(folders) if run.is_complete and accuracies(run.summary[split])]
    rows = []
    for group in group_runs(runs):
        by_run = [accuracies(run.summary[split]) for run in group.runs]
        rows += [
            DistanceRow(group.label, bucket, spread([run[bucket] for run in by_run if bucket in run]))
            for bucket in sorted(set().union(*by_run))
        ]
    return rows


def plot_accuracy_against_distance(
    rows: Sequence[DistanceRow], target: Path, baselines: Mapping[str, float] | None = None
) -> None:
    """Draws a line a group: the mean over its runs, with a band of one standard deviation.

    Args:
        rows: what `accuracy_against_distance` gave.
        target: the PNG to write.
        baselines: accuracies to draw as level lines.
    """
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    # Lines that lie on each other, all cells being right, are told apart by their marks.
    for label, mark in zip(dict.fromkeys(row.label for row in rows), cycle("os^Dvx"), strict=False):
        own = [row for row in rows if row.label == label]
        middles = [(row.bucket[0] + row.bucket[1]) / 2 for row in own]
        means, count = [row.spread.mean for row in own], max(row.spread.n for row in own)
        name = f"{label or 'model'} (n={count})"
        (line,) = axes.plot(middles, means, marker=mark, markersize=7, fillstyle="none", label=name)
        if count > 1:
            # An accuracy is at most 1; the band of a skewed sample may claim more.
            low = [max(0.0, row.spread.mean - row.spread.sd) for row in own]
            high = [min(1.0, row.spread.mean + row.spread.sd) for row in own]
            axes.fill_between(middles, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    for name, value in (baselines or {}).items():
        axes.axhline(value, color="gray", linestyle="--", linewidth=1)
        axes.annotate(name, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="gray")
    axes.set_xlabel("distance (words)")
    axes.set_ylabel("accuracy: mean, and one sd over runs")
    axes.set_ylim(0.0, 1.03)
    axes.grid(alpha=0.3)
    if rows:
        axes.legend(loc="lower left")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)


def plot_run(summary: Mapping[str, Any], target: Path) -> None:
    """Draws the test accuracy of one run against distance, from its summary; nothing where it has no such scores."""
    rows = [DistanceRow("", bucket, spread([value])) for bucket, value in sorted(accuracies(summary["test"]).items())]
    if rows:
        plot_accuracy_against_distance(rows, target, baseline_accuracies(summary))


def baseline_accuracies(summary: Mapping[str, Any]) -> dict[str, float]:
    """The test accuracy of every baseline in a summary that has one."""
    rows = summary.get("baselines", {})
    return {name: row["test"]["accuracy"] for name, row in rows.items() if "accuracy" in row["test"]}
