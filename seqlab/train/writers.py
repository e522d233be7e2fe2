"""Observers of a run: metrics as lines of JSON, as TensorBoard events, and as progress for whoever watches."""

import json
import os
import statistics
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from seqlab.core.strict_json import to_json


class JsonLines:
    """Appends one object a line to a file: {"step": 100, "split": "train", "loss": 2.1, ...}.

    Only what depends on flags and seed is written, no times, so that the same run writes the same bytes. A number that
    is not finite is null (``to_json``). A context manager. A line of an evaluation is on the disk, with all before it,
    when ``record`` returns: the checkpoint that comes next counts on them.
    """

    def __init__(self, path: Path, resume_step: int) -> None:
        """Opens the file and cuts it back to ``resume_step``: what came later will be written again."""
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        part = path.with_name(path.name + ".part")
        kept = [line for line in lines if _is_kept(line, resume_step)]
        # An evaluation whose checkpoint was not written any more is made again, and gives the line that is there.
        self._evaluated = {(record["step"], record["split"]) for record in map(json.loads, kept)}
        part.write_text("".join(kept))
        part.replace(path)
        self._file = path.open("a")

    def record(self, step: int, split: str, scores: dict[str, float], pace: float | None = None) -> None:
        """Writes one line, unless a run that goes on has this evaluation already."""
        del pace
        if split != "train" and (step, split) in self._evaluated:
            return
        self._file.write(to_json({"step": step, "split": split, **scores}) + "\n")
        self._file.flush()
        if split != "train":
            os.fsync(self._file.fileno())

    def __enter__(self) -> "JsonLines":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _is_kept(line: str, resume_step: int) -> bool:
    """Whether a resumed run would not write the line again: it is whole, up to that step, and not of the final test."""
    if not line.endswith("\n"):
        return False
    try:
        record = json.loads(line)
    except ValueError:  # A disk that lost its power may keep a line's place without its content.
        return False
    return record["step"] <= resume_step and record["split"] != "test"


class TensorBoard:
    """Writes scalars ``split/metric`` as TensorBoard events; a context manager."""

    def __init__(self, folder: Path, resume_step: int) -> None:
        """Begins a file of events, which has TensorBoard forget those of earlier files after ``resume_step``."""
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=resume_step + 1)

    def record(self, step: int, split: str, scores: dict[str, float], pace: float | None = None) -> None:
        """Writes one event a score."""
        scores = scores if pace is None else {**scores, "units_per_second": pace}
        for name, value in scores.items():
            self._writer.add_scalar(f"{split}/{name}", value, step)

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()


class PaceMeter:
    """Collects the pace of each chunk; the first one of a launch includes compiling."""

    def __init__(self) -> None:
        self._paces: list[float] = []

    def record(self, step: int, split: str, scores: dict[str, float], pace: float | None = None) -> None:
        """Takes the pace of a chunk."""
        del step, split, scores
        if pace is not None:
            self._paces.append(pace)

    def median(self) -> float:
        """The median pace without the first chunk, in units a second; 0 for nothing."""
        return statistics.median(self._paces[1:] or self._paces or [0.0])


class ProgressDisplay:
    """Step, loss, pace and time left: a bar on a terminal, plain lines elsewhere.

    A context manager; ``score`` is the name of the score to show beside the loss.
    """

    def __init__(self, num_steps: int, first_step: int, unit: str, score: str, seconds: float = 5.0) -> None:
        """Writes to standard output; without a terminal, a line of training at most every ``seconds``."""
        self._num_steps, self._first_step, self._unit, self._score = num_steps, first_step, unit, score
        self._console = Console(highlight=False)
        self._seconds_between_lines = seconds
        self._started = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("step {task.completed}/{task.total}"),
            BarColumn(bar_width=16),
            TextColumn("{task.description}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._bar_task = self._bar.add_task("compiling", total=num_steps, completed=first_step)

    def __enter__(self) -> "ProgressDisplay":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def record(self, step: int, split: str, scores: dict[str, float], pace: float | None = None) -> None:
        """Moves the bar, or prints a line: always for an evaluation, every few seconds for training."""
        loss = f"loss {scores['loss']:.3f}"
        score = ""
        if self._score in scores and self._score != "loss":
            score = f", {scores[self._score]:.3f} {self._score.replace('_', ' ')}"
        if split != "train":
            self._print(step, split, loss + score)
            return
        elapsed = time.monotonic() - self._started
        seconds_left = elapsed / max(1, step - self._first_step) * (self._num_steps - step)
        speed = f"  {_short(pace or 0.0)} {self._unit}/s  {_clock(seconds_left)} left"
        if self._console.is_terminal:  # One line of 80 columns.
            self._bar.update(self._bar_task, completed=step, description=loss + speed)
        elif time.monotonic() - self._last_line >= self._seconds_between_lines:
            self._last_line = time.monotonic()
            self._print(step, split, loss + score + speed)

    def say(self, message: str) -> None:
        """Prints a line, above the bar where there is one."""
        self._console.print(message, soft_wrap=True, markup=False)

    def _print(self, step: int, split: str, words: str) -> None:
        self._console.print(f"step {step:>6}  {split}: {words}", soft_wrap=True)


def _short(number: float) -> str:
    return f"{number / 1e3:.1f}k" if number < 1e6 else f"{number / 1e6:.2f}M"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"
