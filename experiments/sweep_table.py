"""What a sweep prints: how far it is while it runs, and the settings in order when it is done."""

import math
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from experiments.sweep_folder import Result, SweepFolder

ROWS = 10
SECONDS_BETWEEN_LINES = 5.0


class SettingScore(NamedTuple):
    """How one setting did over its seeds.

    Attributes:
        settings: the values of the names that vary, as text.
        trials: its trials that have ended.
        n: how many of them are complete.
        mean: of their scores on the validation split; ``None`` where none is complete.
        deviation: standard deviation of these scores; ``None`` for less than two.
        test: mean of the same score on the test split.
    """

    settings: dict[str, str]
    trials: list[int]
    n: int
    mean: float | None
    deviation: float | None
    test: float | None


def ranking(sweep: SweepFolder, results: Sequence[Result]) -> list[SettingScore]:
    """The settings, the best first: by mean validation score, those with every seed before the others."""
    groups: dict[int, list[Result]] = {}
    for result in results:
        groups.setdefault(result.trial // sweep.declaration.num_seeds, []).append(result)
    rows = [_setting_score(sweep, members) for members in groups.values()]

    def order(row: SettingScore) -> tuple[bool, float]:
        return row.n < sweep.declaration.num_seeds, math.inf if row.mean is None else row.mean

    return sorted(rows, key=order)


def _setting_score(sweep: SweepFolder, results: list[Result]) -> SettingScore:
    settings = sweep.settings(results[0].trial)
    settings.pop("seed")
    complete = [result for result in results if result.status == "complete" and result.score is not None]
    scores = [result.score for result in complete if result.score is not None]
    tests = [result.scores["test"].get(result.selection) for result in complete if "test" in result.scores]
    tests = [score for score in tests if score is not None]
    return SettingScore(
        settings,
        [result.trial for result in results],
        len(scores),
        statistics.fmean(scores) if scores else None,
        statistics.stdev(scores) if len(scores) > 1 else None,
        statistics.fmean(tests) if tests else None,
    )


def words(settings: dict[str, str]) -> str:
    """A setting in one line: ``cell=gru learning_rate=0.003``."""
    return " ".join(f"{name}={value}" for name, value in settings.items())


class Progress(NamedTuple):
    """How far a sweep is.

    Attributes:
        total: trials in all.
        ended: how many have ended, by status.
        running: the trials that are being trained, or wait to be gone on with.
        best: the best trial so far; ``None`` where none is complete.
        seconds_left: by the pace of this launch; ``None`` before its first trial has ended.
    """

    total: int
    ended: Counter[str]
    running: list[int]
    best: Result | None
    seconds_left: float | None

    def line(self) -> str:
        """All of it in a line, without the best."""
        ended = ", ".join(f"{count} {status}" for status, count in sorted(self.ended.items()))
        left = "" if self.seconds_left is None else f", {_clock(self.seconds_left)} left"
        share = f"{sum(self.ended.values())} of {self.total} trials"
        return f"{share}: {ended or 'none yet'}, {len(self.running)} running{left}"


def progress(sweep: SweepFolder, results: Sequence[Result], before: int, seconds: float) -> Progress:
    """How far the sweep is, ``seconds`` after a launch that found ``before`` trials ended."""
    total = sweep.declaration.num_trials
    complete = [result for result in results if result.status == "complete" and result.score is not None]
    best = min(complete, key=lambda result: result.score or 0.0, default=None)
    new = len(results) - before
    left = None if new <= 0 else seconds / new * (total - len(results))
    return Progress(total, Counter(result.status for result in results), sweep.unfinished(), best, left)


class Display:
    """A live table on a terminal, plain lines elsewhere; a context manager."""

    def __init__(self, sweep: SweepFolder, console: Console | None = None) -> None:
        self._sweep = sweep
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._last_line, self._last_time = "", -math.inf

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, now: Progress) -> None:
        """Draws the table anew, or prints a line where something has changed, every few seconds at most."""
        if self._console.is_terminal:
            self._live.update(self._table(now), refresh=True)
            return
        line = f"{now.line()}{self._best_words(now)}"
        changed = line.partition(" left")[0] != self._last_line.partition(" left")[0]
        if changed and time.monotonic() - self._last_time >= SECONDS_BETWEEN_LINES:
            self._last_line, self._last_time = line, time.monotonic()
            print(line, flush=True)

    def _best_words(self, now: Progress) -> str:
        if now.best is None or now.best.score is None:
            return ""
        name = now.best.selection.replace("_", " ")
        return (
            f"; best {name} {now.best.score:.4g}, trial {now.best.trial}: {words(self._sweep.settings(now.best.trial))}"
        )

    def _table(self, now: Progress) -> Group:
        table = Table("trial", "setting", box=None, pad_edge=False)
        for trial in now.running[:ROWS]:
            table.add_row(f"{trial:04d}", words(self._sweep.settings(trial)))
        return Group(now.line(), self._best_words(now).removeprefix("; "), table)


def print_ranking(sweep: SweepFolder, results: Sequence[Result]) -> None:
    """Prints the best settings, and says how many trials did not come to their end."""
    rows = ranking(sweep, results)
    selection = next((result.selection for result in results if result.status == "complete"), "loss")
    names = list(rows[0].settings) if rows else []
    table = Table(*names, "n", f"validation {selection}", "sd", box=None, pad_edge=False)
    for row in rows[:ROWS]:
        values = [row.settings[name] for name in names]
        table.add_row(*values, str(row.n), _number(row.mean), _number(row.deviation))
    # Without a terminal a table is as wide as it has to be.
    console = Console(highlight=False)
    console.print(table, width=None if console.is_terminal else 400, crop=False)
    if len(rows) > ROWS:
        print(f"and {len(rows) - ROWS} more settings")
    for result in [result for result in results if result.status == "failed"][:3]:
        print(f"trial {result.trial} failed: {result.message}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"
