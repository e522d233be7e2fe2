"""The confusion matrix of a classifier, as a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_NUMBERED = 20


def plot_confusion(summary: Mapping[str, Any], target: Path) -> None:
    """Draws the test split's counts, a row for each label, coloured by their share of the row.

    Args:
        summary: of a run; nothing is drawn where it has no ``test.confusion``.
        target: the PNG to write.
    """
    confusion = summary["test"].get("confusion")
    if not confusion:
        return
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    labels, counts = confusion["labels"], confusion["counts"]
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    side = min(14.0, 3.0 + 0.6 * len(labels))
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    if len(labels) <= MOST_NUMBERED:
        for row, (of_row, shares_of_row) in enumerate(zip(counts, shares, strict=True)):
            for column, (count, share) in enumerate(zip(of_row, shares_of_row, strict=True)):
                color = "white" if share > 0.5 else "black"
                axes.text(column, row, f"{count:,}\n{share:.1%}", ha="center", va="center", color=color)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    figure.colorbar(image, ax=axes, label="share of the label's rows")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)
