"""Trials of a sweep trained as one program, each into its own run folder, as ``run.run_in`` trains one alone.

A member's folder has the files of its single run, and lines of metrics that differ from that run's by rounding alone.
There are no checkpoints before the end: what is interrupted or killed begins again. Once trained, each member is
evaluated, drawn and written on its own, and one in which that fails is left to be trained alone.
"""

import contextlib
import math
import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from experiments import run, run_folder, run_lock
from experiments.task_table import task_entry
from seqlab.core.errors import RunFolderError, SeqlabError

if TYPE_CHECKING:
    from seqlab.tasks.base import Task
    from seqlab.train import Fitted


class Trial:
    """A trial that is trained with others: its folder, its model, and who is told of it."""

    def __init__(self, number: int, folder: Path, log: TextIO) -> None:
        self.number, self.folder, self.log = number, folder, log
        self.values = run_folder.read_values(folder)

    def make(self, task: "Task") -> None:
        """Makes the model and what trains it."""
        from experiments import from_flags
        from seqlab.sweeps.members import Member

        optimizer, hyper = from_flags.optimizer_config(self.values), from_flags.hyper(self.values)
        self.member = Member(task, self.values.seed, optimizer, hyper)
        self.config = from_flags.train_config(self.values, task)

    def open(self, stack: contextlib.ExitStack, checksums: dict[str, str], heading: str) -> None:
        """Makes the folder this trial's own until the stack is closed, and begins its files."""
        from seqlab.train.writers import JsonLines, PaceMeter, TensorBoard

        with contextlib.redirect_stdout(self.log):
            stack.enter_context(run_lock.held(self.folder))
            run.begin(self.folder, self.values, self.member.task, checksums)
        self.say(f"{heading}\nsteps 0 to {self.config.num_steps}, into {self.folder}")
        self.pace, lines = PaceMeter(), stack.enter_context(JsonLines(self.folder / "metrics.jsonl", 0))
        self.files = [lines, stack.enter_context(TensorBoard(self.folder / "tensorboard", 0))]

    def say(self, text: str) -> None:
        """Writes lines into the trial's log."""
        print(text, file=self.log, flush=True)

    def record(self, step: int, split: str, scores: dict[str, float], pace: float | None = None) -> None:
        """Writes a line of an evaluation into the log."""
        del pace
        if split != "train":
            self.say(f"step {step:>6}  {split}: loss {scores['loss']:.3f}")

    def finish(self, fitted: "Fitted", seconds: float, num_members: int) -> None:
        """Evaluates the trained model, and writes all that is left of its run folder."""
        if fitted.status == "complete":
            _save(self.folder, fitted, run_folder.config_hash(self.values))
        task = self.member.task
        summary: dict[str, Any] = run.summarise(self.folder, task, fitted, self.pace.median(), self.files)
        summary |= {"wall_seconds": round(seconds, 2), "population": num_members}
        with contextlib.redirect_stdout(self.log):
            run.print_outcome(self.folder, task, summary, fitted)
        run_folder.write_json(self.folder / "summary.json", summary)


def _save(folder: Path, fitted: "Fitted", config_hash: str) -> None:
    """Saves the last state and, apart, the best params: both or none, as nobody is to go on from the second.

    The rest of what is saved with the best params is of the last step.
    """
    import numpy as np

    from seqlab.train import Best, Checkpoints

    part, best = folder / "checkpoints.part", fitted.best
    shutil.rmtree(part, ignore_errors=True)
    checkpoints = Checkpoints(part, config_hash=config_hash)
    if best.step not in (-1, int(fitted.state.step)):
        then = fitted.state._replace(step=np.array(best.step, np.int32), params=fitted.best_params)
        checkpoints.save(then, Best(best.value, best.step, 0, best.step))
    checkpoints.save(fitted.state, best)
    os.replace(part, folder / "checkpoints")


def train(
    folders: Mapping[int, Path], logs: Path, should_stop: Callable[[], bool], ended: Callable[[int], None]
) -> None:
    """Trains trials together; those of which ``ended`` is not told are left to be trained alone.

    Args:
        folders: number -> run folder with flags.txt, all of one group (``sweep_groups.group_of``).
        logs: the folder of the logs.
        should_stop: asked between steps; what was trained until a yes is lost.
        ended: is told of each trial whose summary is written.
    """
    with contextlib.ExitStack() as stack:
        trials = []
        for number, folder in folders.items():
            log = stack.enter_context((logs / f"{number:04d}.txt").open("a", encoding="utf-8"))
            trials.append(Trial(number, folder, log))
        with _told(trials):
            data, parts = _prepare(trials)
            for part in parts:
                if len(part) > 1 and not should_stop():
                    with _told(part):
                        _train_part(part, data, should_stop, ended)


@contextlib.contextmanager
def _told(trials: Sequence[Trial]) -> Iterator[None]:
    """Writes what goes wrong into the logs of these trials: alone, each may still come to its end."""
    try:
        yield
    except RunFolderError:  # The disk or another process.
        raise
    except Exception as error:  # Whatever it is, as where the memory is full.
        what = f"error: {error}\n" if isinstance(error, SeqlabError) else traceback.format_exc()
        for trial in trials:
            trial.say(f"{what}What is not done yet is left to be trained alone.")


def _prepare(trials: Sequence[Trial]) -> tuple[Any, list[list[Trial]]]:
    """The data, and the trials in parts that can be trained together and fit the memory."""
    from seqlab.sweeps.population import why_alone

    values = trials[0].values
    entry = task_entry(values.task)
    data, tasks = entry.load(values), {}
    for trial in trials:
        seed = trial.values.seed
        if seed not in tasks:
            tasks[seed] = entry.make(trial.values, data)
        trial.make(tasks[seed])
    why = why_alone([trial.member for trial in trials])
    if len({replace(trial.config, seed=0) for trial in trials}) > 1:
        why = "their epochs are of several lengths"
    if not why:
        return data, _that_fit(trials)
    for trial in trials:
        trial.say(f"With trials of the same seed, or alone: {why}.")
    return data, [part for seed in tasks for part in _that_fit([each for each in trials if each.values.seed == seed])]


def _that_fit(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Even parts that fit the memory."""
    from seqlab.sweeps.memory import population_size

    most = population_size([trial.member for trial in trials], trials[0].config)
    size = math.ceil(len(trials) / math.ceil(len(trials) / most))
    return [list(trials[start : start + size]) for start in range(0, len(trials), size)]


def _train_part(
    part: Sequence[Trial], data: Any, should_stop: Callable[[], bool], ended: Callable[[int], None]
) -> None:
    """Trains one population, and finishes each of its members."""
    from seqlab.sweeps.population import fit_population

    started = time.monotonic()
    heading = f"{data.description}\none of {len(part)} trials that are trained as one program"
    with contextlib.ExitStack() as stack:
        for trial in part:
            trial.open(stack, data.checksums, heading)
        fitted = fit_population(
            [trial.member for trial in part],
            part[0].config,
            observers=[[*trial.files, trial.pace, trial] for trial in part],
            should_stop=should_stop,
            warn=lambda member, text: part[member].say(text),
        )
        share = (time.monotonic() - started) / len(part)
        for trial, each in zip(part, fitted, strict=True):
            if each.status == "interrupted":
                trial.say(f"interrupted at step {int(each.state.step)}; it begins again, as nothing was saved.")
                continue
            with _told([trial]):
                trial.finish(each, share, len(part))
                ended(trial.number)
