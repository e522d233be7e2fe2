"""Where attention looked, as pictures: a row for each word that was written, a column for each that was read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def plot_attention(examples: Path, folder: Path) -> None:
    """Draws ``attention_1.png``, ``attention_2.png``, ... into a folder.

    Args:
        examples: a run's predictions/attention.json, a list of ``source`` [T], ``target`` [U] and ``weights`` [U][T];
            nothing is drawn where there is no such file.
        folder: where the pictures go.
    """
    if not examples.exists():
        return
    for number, example in enumerate(json.loads(examples.read_text(encoding="utf-8")), start=1):
        _plot(example, folder / f"attention_{number}.png")


def _plot(example: Mapping[str, Any], target: Path) -> None:
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    columns, rows = example["source"], example["target"]
    figure = Figure(figsize=(2.2 + 0.36 * len(columns), 1.6 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(example["weights"], vmin=0, vmax=1, cmap="Blues", aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [word or "(end)" for word in rows])
    axes.set_xlabel("source")
    axes.set_ylabel("translation")
    figure.colorbar(image, ax=axes, label="weight")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)
