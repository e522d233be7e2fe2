"""A process that trains the trials of a sweep, one after the other; ``experiments.sweep`` starts it.

    python -m experiments.sweep_worker SWEEP_DIR PARENT SHARES

It pays for starting up once, and compiled programs are kept in the sweep's folder: trials of equal shapes find them
there. Trials that differ in seed and numbers alone are trained as one program; SHARES is in how many parts such a
group is shared out, 0 to train each trial alone. It ends when there is nothing left to do, by a signal after a
checkpoint, or when the process PARENT is gone.
"""

import contextlib
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from experiments import command_line, run, run_folder, sweep_population
from experiments.allocator import keep_freed_memory
from experiments.sweep_folder import Result, SweepFolder
from seqlab.core.errors import RunFolderError, SeqlabError
from seqlab.sweeps.claims import Claims

if TYPE_CHECKING:
    from seqlab.tasks.base import Task
    from seqlab.train import Observer

BEAT_SECONDS = 5.0
IDLE_SECONDS = 0.3


class TrialStop(run.StopSignal):
    """Stops a trial for a signal, because halving prunes it, or because another worker has taken it over."""

    def __init__(self) -> None:
        super().__init__()
        self.pruned = False
        self.lost = threading.Event()
        self.parent = 0

    def begin(self) -> None:
        """What stopped a trial, but for a signal, says nothing about the next one."""
        self.remembers()
        self.pruned = False
        self.lost.clear()

    def __call__(self) -> bool:
        """Whether to stop, for any of the reasons."""
        if self.parent and os.getppid() != self.parent and not self.number:
            self.number = signal.SIGTERM
        return self.pruned or self.lost.is_set() or super().__call__()


class _Rung:
    """Tells the study of every evaluation, and has the trial stopped where it asks for that."""

    def __init__(self, sweep: SweepFolder, trial: int, stop: TrialStop, selection: str) -> None:
        self._sweep, self._trial, self._stop, self._selection = sweep, trial, stop, selection

    def record(self, step: int, split: str, scores: dict[str, float], pace: float | None = None) -> None:
        del step, pace
        if split != "validation" or self._sweep.study is None:
            return
        from seqlab.sweeps.optuna_search import report

        # The file ends with this evaluation, and begins with those before an interruption.
        lines = (self._sweep.folder(self._trial) / "metrics.jsonl").read_text(encoding="utf-8")
        evaluation = lines.count('"split": "validation"')
        self._stop.pruned |= report(self._sweep.study, self._trial, evaluation, scores[self._selection])


def work(sweep: SweepFolder, stop: TrialStop, show: Callable[[], None] = lambda: None, *, num_shares: int = 0) -> None:
    """Trains trials until all have ended or ``stop`` says so; claims them, and goes on with those of the dead.

    ``show`` is called before each trial or group, and at the end; ``num_shares`` is that of ``SweepFolder.take_group``.
    """
    _keep_programs(sweep.path / "compiled")
    claims = Claims(sweep.path / "claims")
    try:
        while not stop():
            trials = sweep.take_group(claims, num_shares)
            show()
            if len(trials) > 1:
                _run_group(sweep, trials, claims, stop)
            elif trials:
                _run(sweep, trials[0], claims, stop)
            elif sweep.unfinished():
                # Others are at work on what is left; one of them may die.
                time.sleep(IDLE_SECONDS)
            else:
                return
    finally:
        claims.close()


def _run(sweep: SweepFolder, trial: int, claims: Claims, stop: TrialStop) -> None:
    """Trains one trial in its own folder, and says how it ended unless it was interrupted."""
    started = time.monotonic()
    try:
        with (
            (sweep.logs / f"{trial:04d}.txt").open("a", encoding="utf-8") as log,
            claims.beating(BEAT_SECONDS, stop.lost),
        ):
            problem = _train(sweep, trial, stop, log)
        if stop.lost.is_set():
            return
        result = _result(sweep, trial, problem, stop.pruned, time.monotonic() - started)
        if result is not None:
            sweep.write_result(result)
    finally:
        claims.release(trial)
        stop.begin()


def _run_group(sweep: SweepFolder, trials: Sequence[int], claims: Claims, stop: TrialStop) -> None:
    """Trains trials as one program, and then alone those with which that failed."""
    left = list(trials)

    def ended(trial: int) -> None:
        result = None if stop.lost.is_set() else _result(sweep, trial, "", False, 0.0)
        if result is not None:
            sweep.write_result(result)
            left.remove(trial)

    try:
        with claims.beating(BEAT_SECONDS, stop.lost):
            sweep_population.train({trial: sweep.folder(trial) for trial in trials}, sweep.logs, stop, ended)
        for trial in list(left):
            if not stop():
                _run(sweep, trial, claims, stop)
    finally:
        for trial in trials:
            claims.release(trial)
        stop.begin()


def _train(sweep: SweepFolder, trial: int, stop: TrialStop, log: TextIO) -> str:
    """Trains; what is wrong with the trial itself, or an empty text."""
    folder = sweep.folder(trial)

    def watchers(task: "Task") -> Sequence["Observer"]:
        return [_Rung(sweep, trial, stop, task.selection)] if sweep.declaration.search == "halving" else []

    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        try:
            run.run_in(folder, run_folder.read_values(folder), lambda: stop, watchers)
        except RunFolderError:
            # The disk or another process, which is not of this trial's making.
            raise
        except SeqlabError as error:
            print(f"error: {error}")
            return str(error)
        except Exception as error:  # Whatever it is, the other trials go on, and the log has all of it.
            traceback.print_exc()
            return f"{type(error).__name__}: {str(error).strip()[:300]}"
    return ""


def _result(sweep: SweepFolder, trial: int, problem: str, pruned: bool, seconds: float) -> Result | None:
    """How the trial ended; ``None`` where it is to go on."""
    if problem:
        return Result(trial, "failed", seconds=round(seconds, 2), message=problem)
    summary = run_folder.read_json(sweep.folder(trial) / "summary.json", {})
    status = summary.get("status")
    if status == "interrupted":
        if not pruned:
            return None
        status = "pruned"
    return Result(
        trial,
        str(status),
        summary["best_score"] if status != "diverged" else None,
        summary["selection"],
        summary["wall_seconds"],
        scores={split: summary[split] for split in ("validation", "test") if split in summary},
    )


def _keep_programs(folder: Path) -> None:
    """Has jax keep what it compiles in the folder, unless it was told where to already."""
    import jax

    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(folder.absolute()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def main(*arguments: str) -> int:
    """Works for the sweep in a folder until it is done."""
    if len(arguments) != 3:
        found = f"found {list(arguments)}; experiments.sweep starts its workers."
        raise SeqlabError(f"expected SWEEP_DIR PARENT SHARES, {found}")
    keep_freed_memory()
    stop = TrialStop()
    stop.parent = int(arguments[1])
    work(SweepFolder(Path(arguments[0])), stop, num_shares=int(arguments[2]))
    return run.SIGNAL_STATUS + stop.number if stop.number else 0


if __name__ == "__main__":
    command_line.run(main, positional="the folder of a sweep, the process that started this one, and a number")
