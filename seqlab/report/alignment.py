"""What a transcription model heard, and when: a spectrogram above the probabilities of the labels over time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqlab.report.spectrogram import draw_spectrogram

# A label is drawn where it is this probable at some frame.
LEAST_PROBABILITY = 0.1


def plot_alignments(examples: Path, folder: Path) -> None:
    """Draws ``alignment_1.png``, ``alignment_2.png``, ... into a folder.

    Args:
        examples: a run's predictions/alignment.json: of each recording its ``spectrogram``, as
            ``seqlab.report.spectrogram`` takes it, the model's ``probabilities`` [T][V] of its ``labels``, a row every
            ``seconds_each`` from ``first_seconds`` on, and its ``words``, each with the time that it takes; nothing is
            drawn where there is no such file.
        folder: where the pictures go.
    """
    if not examples.exists():
        return
    for number, example in enumerate(json.loads(examples.read_text(encoding="utf-8")), start=1):
        _plot(example, folder / f"alignment_{number}.png")


def _plot(example: Mapping[str, Any], target: Path) -> None:
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    sound, probabilities = dict(example["spectrogram"]), example["probabilities"]
    seconds = len(sound["levels"]) * sound["frame_seconds"]
    figure = Figure(figsize=(min(16, 3 + 2.2 * seconds), 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    above.set_title(sound.pop("title"), fontsize=9, loc="left")
    draw_spectrogram(above, **sound)
    above.set_xlabel("")
    times = [example["first_seconds"] + frame * example["seconds_each"] for frame in range(len(probabilities))]
    for place, label in enumerate(example["labels"]):
        curve = [row[place] for row in probabilities]
        if place == 0:
            below.plot(times, curve, color="lightgray", linewidth=1, label="blank", zorder=0)
        elif max(curve) >= LEAST_PROBABILITY:
            below.plot(times, curve, linewidth=1.4, label="(space)" if label.isspace() else label)
    for said in example["words"]:
        middle = (said["start_seconds"] + said["end_seconds"]) / 2
        for axes in (above, below):
            axes.axvspan(said["start_seconds"], said["end_seconds"], color="tab:cyan", alpha=0.25, linewidth=0)
        below.text(middle, 1.04, said["word"], ha="center", va="bottom", fontsize=9)
    below.set_ylim(0, 1.2)
    below.set_xlim(0, seconds)
    below.set_xlabel("seconds")
    below.set_ylabel("probability")
    below.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)
