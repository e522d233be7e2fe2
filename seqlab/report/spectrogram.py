"""Spectrograms: how much of every frequency a sound holds, over time; dark is loud."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RANGE_DB = 60.0


def plot_spectrograms(path: Path, target: Path) -> None:
    """Draws the recordings of a run's predictions/spectrograms.json beside each other; nothing where there is none.

    Args:
        path: the file: a list of what `draw_spectrogram` takes, each with a ``title``.
        target: the PNG to write.
    """
    if not path.exists():
        return
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    sounds = json.loads(path.read_text(encoding="utf-8"))
    num_columns = min(3, len(sounds))
    num_rows = -(-len(sounds) // num_columns)
    figure = Figure(figsize=(1 + 3.2 * num_columns, 0.5 + 2.3 * num_rows), layout="constrained")
    for place, sound in enumerate(sounds):
        axes = figure.add_subplot(num_rows, num_columns, place + 1)
        draw_spectrogram(axes, **{name: value for name, value in sound.items() if name != "title"})
        axes.set_title(sound["title"], fontsize=9)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)


def draw_spectrogram(
    axes: Any, levels: Sequence[Sequence[float]], *, first_seconds: float, frame_seconds: float, high_hz: float
) -> None:
    """Draws one sound into matplotlib's axes, from its loudest level down to 60 dB below.

    Args:
        axes: where to draw.
        levels: dB of each frame and frequency [T, K], frequencies from 0 to ``high_hz``.
        first_seconds: the middle of the first frame.
        frame_seconds: from a frame to the next.
        high_hz: the highest frequency.
    """
    loudest = max(max(frame) for frame in levels)
    start = first_seconds - frame_seconds / 2
    half = high_hz / (len(levels[0]) - 1) / 2  # A frequency's stripe reaches as far below as above it.
    axes.imshow(
        [list(row) for row in zip(*levels, strict=True)],
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap="gray_r",
        vmin=loudest - RANGE_DB,
        vmax=loudest,
        extent=(start, start + frame_seconds * len(levels), -half, high_hz + half),
    )
    axes.set_ylim(0, high_hz)
    axes.set_xlabel("seconds")
    axes.set_ylabel("Hz")
