"""Videos as a contact sheet: a row for each clip, its frames from left to right."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

MOST_FRAMES = 20


class TitledClip(NamedTuple):
    """A clip and what is written above it.

    Attributes:
        title: such as its label.
        frames: [T, Y, X, F]; three channels are colours, others are averaged to gray.
    """

    title: str
    frames: np.ndarray


def plot_contact_sheet(clips: Sequence[TitledClip], target: Path) -> None:
    """Draws clips below each other, of each at most 20 frames at equal distances.

    Args:
        clips: what to draw; gray is stretched from a clip's darkest to its brightest pixel.
        target: the PNG to write.
    """
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    chosen = [chosen_frames(len(clip.frames)) for clip in clips]
    columns = max(map(len, chosen))
    figure = Figure(figsize=(0.75 * columns + 0.2, 1.0 * len(clips) + 0.2), layout="constrained")
    places = figure.subplots(len(clips), columns, squeeze=False)
    for clip, steps, row in zip(clips, chosen, places, strict=True):
        low, high = float(clip.frames.min()), float(clip.frames.max())
        for place in row:
            place.set_axis_off()
        for step, place in zip(steps, row, strict=False):
            frame = clip.frames[step]
            if frame.shape[-1] == 3:
                place.imshow(np.clip(frame, 0, 1))
            else:
                place.imshow(frame.mean(axis=-1), cmap="gray", vmin=low, vmax=high)
        row[0].set_title(clip.title, loc="left", fontsize=8)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)


def chosen_frames(num_frames: int) -> list[int]:
    """Which frames of a clip are drawn: all, or of more than 20 the first, the last and those at equal distances.

    >>> chosen_frames(3), chosen_frames(40)[:3], chosen_frames(40)[-1]
    ([0, 1, 2], [0, 2, 4], 39)
    """
    return np.linspace(0, num_frames - 1, min(num_frames, MOST_FRAMES)).round().astype(int).tolist()
