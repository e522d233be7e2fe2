"""Where along sequences the evidence for their labels is, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLORS = {"A": "tab:green", "C": "tab:blue", "G": "tab:orange", "T": "tab:red"}


def plot_evidence(means: Mapping[str, Sequence[float]], examples: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Draws the mean evidence at each position, a line a label, and below it single sequences, a bar a letter.

    Args:
        means: label -> the mean over its sequences of how much each position spoke for the label.
        examples: ``label``, ``text`` and ``evidence``, one number a letter.
        target: the PNG to write.
    """
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    figure = Figure(figsize=(13, 3 + 1.8 * len(examples)), layout="constrained")
    heights = [1.6] + [1.0] * len(examples)
    axes, *below = figure.subplots(1 + len(examples), 1, gridspec_kw={"height_ratios": heights}, squeeze=False)[:, 0]
    for label, values in means.items():
        axes.plot(range(1, len(values) + 1), values, label=label)
    axes.axhline(0, color="gray", linewidth=0.8)
    axes.set_ylabel("mean evidence\nfor the own label")
    axes.set_xlabel("position")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")
    for place, example in zip(below, examples, strict=True):
        letters, values = example["text"], example["evidence"]
        positions = range(1, len(letters) + 1)
        place.bar(positions, values, color=[COLORS.get(letter.upper(), "gray") for letter in letters], width=0.85)
        place.axhline(0, color="gray", linewidth=0.8)
        place.set_xticks(list(positions), list(letters), fontsize=6)
        place.set_xlim(0, len(letters) + 1)
        place.set_ylabel(example["label"])
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)
