"""Pictures of a run."""

import json
import math
from pathlib import Path
from typing import Any


def plot_learning_curve(metrics: Path, target: Path, score: str, summary: dict[str, Any]) -> None:
    """Draws a score over training steps, for training and validation, with the baselines as lines.

    Args:
        metrics: a run's metrics.jsonl.
        target: the PNG to write.
        score: the name of the score; the loss is drawn, without baselines, where no step has it.
        summary: the run's summary; its ``baselines`` and ``best_step`` are marked where it has them.
    """
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    baselines = summary.get("baselines", {})
    if records and not any(score in record for record in records):
        score, baselines = "loss", {}
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for split, style in (("train", {"linewidth": 1, "alpha": 0.6}), ("validation", {"marker": "o", "markersize": 4})):
        points = [(record["step"], record[score]) for record in records if record["split"] == split and score in record]
        if points:
            axes.plot(*zip(*points, strict=True), label=split, **style)
    for name, value in {name: row["validation"][score] for name, row in baselines.items()}.items():
        if value is None or not math.isfinite(value):  # An infinite perplexity, which a file says as null.
            continue
        axes.axhline(value, color="gray", linestyle="--", linewidth=1)
        axes.annotate(name, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="gray")
    if summary.get("best_step", -1) > 0:
        axes.axvline(summary["best_step"], color="black", linestyle=":", linewidth=1, label="best step")
    axes.set_xlabel("step")
    axes.set_ylabel(score.replace("_", " "))
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center right")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)
