"""Piano rolls as pictures: a column for each frame, a row for each key, the C of every octave named."""

import json
from collections.abc import Sequence
from pathlib import Path


def plot_generated(pieces: Path, folder: Path) -> None:
    """Draws what a run made: ``generated_any.png``, ``continued.png``, ... into a folder.

    Args:
        pieces: a run's predictions/generated.json, a list of ``name``, ``prefix_frames`` and ``notes``; nothing is
            drawn where there is no such file.
        folder: where the pictures go.
    """
    if not pieces.exists():
        return
    for piece in json.loads(pieces.read_text(encoding="utf-8")):
        plot_piano_roll(piece["notes"], folder / f"{piece['name']}.png", prefix_frames=piece["prefix_frames"])


def plot_piano_roll(notes: Sequence[Sequence[int]], target: Path, *, prefix_frames: int = 0) -> None:
    """Draws one piece.

    Args:
        notes: the MIDI numbers that sound in each frame.
        target: the PNG to write.
        prefix_frames: so many frames were given; they are drawn in gray, up to a line.
    """
    from matplotlib.figure import Figure  # Without pyplot: no window, no state shared with the user's own plots.

    figure = Figure(figsize=(max(5.0, 1.5 + 0.11 * len(notes)), 3.6), layout="constrained")
    axes = figure.add_subplot()
    for frame, keys in enumerate(notes):
        color = "gray" if frame < prefix_frames else "tab:blue"
        axes.bar(
            [frame + 0.5] * len(keys), [0.9] * len(keys), width=1.0, bottom=[key - 0.45 for key in keys], color=color
        )
    every = [key for keys in notes for key in keys]
    low, high = (min(every), max(every)) if every else (60, 72)
    axes.set_ylim(low - 2, high + 2)
    axes.set_xlim(0, len(notes))
    octaves = [key for key in range(0, 128, 12) if low - 2 <= key <= high + 2]
    axes.set_yticks(octaves, [f"C{key // 12 - 1}" for key in octaves])
    axes.set_axisbelow(True)
    axes.grid(alpha=0.4)
    if prefix_frames:
        axes.axvline(prefix_frames, color="black", linestyle=":", linewidth=1)
    axes.set_xlabel("frame")
    axes.set_ylabel("key")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)
