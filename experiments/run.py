"""Trains a model, evaluates it on the test split and writes the run folder; goes on where that has a checkpoint.

    python -m experiments.run --flagfile=experiments/flags/quickstart.flags [--flag=value ...]

Exit status: 0 done; 2 wrong flags or input; 3 diverged; 130 and 143 interrupted, after a checkpoint.
"""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from absl import flags

from experiments import command_line, dry_run, run_folder, run_lock
from experiments.allocator import keep_freed_memory
from experiments.profile_trace import ProfileTrace
from experiments.task_table import task_entry

if TYPE_CHECKING:
    import optax

    from seqlab.core.array_types import Params
    from seqlab.tasks.base import Task
    from seqlab.train import Fitted, Observer, TrainConfig

    Plan = tuple[TrainConfig, optax.GradientTransformation, optax.Schedule]

EXIT_STATUS = {"complete": 0, "diverged": 3}
SIGNAL_STATUS = 128


class StopSignal:
    """Remembers an interrupt, so that training ends at a whole step; a second one ends the program at once."""

    def __init__(self) -> None:
        self.number = 0
        self._at_once = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.number or self._at_once:
            raise command_line.SignalError(number)
        self.number = number

    def ends_at_once(self) -> None:
        """From now on, where training is over and saved, one signal is enough; so is one that has come already."""
        self._at_once = True
        if self.number:
            raise command_line.SignalError(self.number)

    def remembers(self) -> None:
        """From now on, where another training begins, a signal is remembered again."""
        self._at_once = False

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.number != 0


def main() -> int:
    """Runs the experiment that the flags declare."""
    keep_freed_memory()
    values = flags.FLAGS
    return run_in(run_folder.resolve(values.run_dir, sys.argv[1:]), values, StopSignal)


def run_in(
    folder: Path,
    values: flags.FlagValues,
    make_stop: Callable[[], StopSignal],
    watchers: Callable[["Task"], Sequence["Observer"]] = lambda task: (),
) -> int:
    """Runs the experiment that ``values`` declare in a folder, and gives the exit status.

    Args:
        folder: of the run.
        values: all flags.
        make_stop: what is asked whether to stop; called once the data are read.
        watchers: task -> observers beside those of every run.
    """
    started = time.monotonic()
    run_folder.check(folder, values)
    before = run_folder.read_json(folder / "summary.json", {})
    if before.get("status") == "complete":
        print(f"{folder} is complete, nothing was done. Name a new --run_dir to train again.")
        return 0
    entry = task_entry(values.task)
    data = entry.load(values)
    task = entry.make(values, data)
    config, transformation, schedule = _plan(values, task)
    if values.dry_run:
        from experiments import from_flags

        found = dry_run.estimate(task, transformation, config, from_flags.hyper(values))
        print(dry_run.describe(task, data.description, config, found))
        return 0
    stop = make_stop()
    with run_lock.held(folder):
        begin(folder, values, task, data.checksums)
        plan = (config, transformation, schedule)
        fitted, summary = _train(values, folder, task, plan, data.description, stop, watchers(task))
        summary["wall_seconds"] = round(before.get("wall_seconds", 0.0) + time.monotonic() - started, 2)
        print_outcome(folder, task, summary, fitted)
        # Last, as a run whose summary says that it is complete is not gone on with.
        run_folder.write_json(folder / "summary.json", summary)
    return EXIT_STATUS.get(fitted.status, SIGNAL_STATUS + stop.number)


def begin(folder: Path, values: flags.FlagValues, task: "Task", checksums: dict[str, str]) -> None:
    """Makes the folder this run's own, and writes into it what made it and what a prediction will need."""
    run_folder.check(folder, values)  # Another run may have come first.
    run_folder.claim(folder, values)
    run_folder.write_provenance(folder / "provenance.json", values.seed, checksums)
    for name, save in task.artifacts.items():
        save(folder / f"part_{name}")
        (folder / f"part_{name}").replace(folder / name)


def _plan(values: flags.FlagValues, task: "Task") -> "Plan":
    """How long to train, the optimizer, and its learning rate at each step."""
    from experiments import from_flags
    from seqlab.optim import make_optimizer, make_schedule

    config = from_flags.train_config(values, task)
    optimizer = from_flags.optimizer_config(values)
    durations = {"steps_per_epoch": task.splits.train.batches_per_epoch, "total_steps": config.num_steps}
    schedule = make_schedule(optimizer.schedule, optimizer.learning_rate, **durations)
    return config, make_optimizer(optimizer, **durations), schedule


def _train(
    values: flags.FlagValues,
    folder: Path,
    task: "Task",
    plan: "Plan",
    description: str,
    stop: StopSignal,
    watchers: Sequence["Observer"],
) -> tuple["Fitted", dict[str, Any]]:
    """Trains, from the folder's newest checkpoint where there is one, and evaluates where training came to its end."""
    from experiments import from_flags
    from seqlab.train import Checkpoints, fit
    from seqlab.train.writers import JsonLines, PaceMeter, ProgressDisplay, TensorBoard

    config, transformation, schedule = plan
    checkpoints = Checkpoints(folder / "checkpoints", config_hash=run_folder.config_hash(values))
    first_step = checkpoints.newest_step() or 0
    print(f"{description}\nsteps {first_step} to {config.num_steps}, into {folder}", flush=True)

    pace = PaceMeter()
    with (
        JsonLines(folder / "metrics.jsonl", first_step) as lines,
        TensorBoard(folder / "tensorboard", first_step) as board,
        ProgressDisplay(config.num_steps, first_step, task.unit, task.headline) as progress,
        ProfileTrace(folder / "profile", values.profile) as trace,
    ):
        fitted = fit(
            task,
            transformation,
            config,
            from_flags.hyper(values),
            schedule=schedule,
            checkpoints=checkpoints,
            observers=[lines, board, pace, progress, trace, *watchers],
            should_stop=stop,
            warn=progress.say,
        )
        if fitted.status == "complete":
            stop.ends_at_once()
        return fitted, summarise(folder, task, fitted, pace.median(), [lines, board])


def summarise(
    folder: Path, task: "Task", fitted: "Fitted", pace: float, observers: Sequence["Observer"]
) -> dict[str, Any]:
    """The summary of a run; where training came to its end, with the scores of the best params on the test split."""
    import jax

    from seqlab.core.trees import count_parameters
    from seqlab.data.batch import RaggedBatches

    summary: dict[str, Any] = {
        "status": fitted.status,
        "selection": task.selection,
        "best_score": fitted.best.value,
        "steps": int(fitted.state.step),
        "best_step": fitted.best.step,
        "skipped_steps": int(fitted.state.num_skipped),
        "parameters": count_parameters(fitted.best_params),
        f"{task.unit}_per_second": round(pace, 1),
    }
    train = task.splits.train
    if isinstance(train, RaggedBatches):
        padding = {"padding_share": round(train.padding_share, 4), "num_shapes": train.num_shapes}
        summary |= {**padding, "num_traces": fitted.num_traces}
    if fitted.status == "complete":
        scores = _final_scores(task, fitted.best_params, fitted.best.step, observers)
        for part in ("predictions", "plots"):
            (folder / part).mkdir(exist_ok=True)
        for split, more in task.finish(fitted.best_params, folder, jax.jit).items():
            scores[split] = {**scores[split], **more}
        summary |= {**scores, "baselines": task.baselines()}
    return summary


def _final_scores(
    task: "Task", params: "Params", step: int, observers: Sequence["Observer"]
) -> dict[str, dict[str, float]]:
    """Scores of the best params on validation and, the one time that it is read, on the test split."""
    import jax

    from seqlab.train import evaluate_split

    eval_step = jax.jit(task.evaluate)
    scores = {split: evaluate_split(task, eval_step, params, split) for split in ("validation", "test")}
    for observer in observers:
        observer.record(step, "test", scores["test"])
    return scores


def print_outcome(folder: Path, task: "Task", summary: dict[str, Any], fitted: "Fitted") -> None:
    """Plots the learning curve; says what came out, or why it stopped."""
    import jax

    from seqlab.report.alignment import plot_alignments
    from seqlab.report.attention import plot_attention
    from seqlab.report.confusion import plot_confusion
    from seqlab.report.distance import plot_run
    from seqlab.report.filtering import plot_filtered
    from seqlab.report.forecast import plot_forecasts
    from seqlab.report.piano_roll import plot_generated
    from seqlab.report.plots import plot_learning_curve
    from seqlab.report.spectrogram import plot_spectrograms

    plot_learning_curve(folder / "metrics.jsonl", folder / "plots" / "learning_curve.png", task.headline, summary)
    if fitted.status == "diverged":
        print(f"diverged: what step {fitted.diverged_step} computes is not finite; nothing of it was saved.")
        if fitted.fault:
            print(fitted.fault)
        if fitted.fault and fitted.fault.rows:
            print("Look at these rows. --debug_nans finds the operation; --max_skipped_steps=5 leaves such steps out.")
        print("Lower --learning_rate, or hold the gradient with --clip_norm=1.")
        return
    if fitted.status == "interrupted":
        print(f"interrupted at step {summary['steps']}; the same command with --run_dir={folder} goes on.")
        return
    plot_run(summary, folder / "plots" / "accuracy_by_distance.png")
    plot_confusion(summary, folder / "plots" / "confusion_matrix.png")
    plot_filtered(folder / "predictions" / "filtered.json", folder / "plots")
    plot_forecasts(folder / "predictions" / "forecasts.json", folder / "plots")
    plot_attention(folder / "predictions" / "attention.json", folder / "plots")
    plot_generated(folder / "predictions" / "generated.json", folder / "plots")
    plot_alignments(folder / "predictions" / "alignment.json", folder / "plots")
    plot_spectrograms(folder / "predictions" / "spectrograms.json", folder / "plots" / "spectrograms.png")
    sample = task.show(fitted.best_params, jax.random.key(0))
    (folder / "predictions").mkdir(exist_ok=True)
    (folder / "predictions" / "sample.txt").write_text(sample, encoding="utf-8")
    print(f"\n--- sample ---\n{sample}\n--------------\n")
    score = task.headline
    print(f"{score.replace('_', ' '):<22}{'validation':>12}{'test':>12}")
    for name, row in {"model": summary, **summary["baselines"]}.items():
        print(f"{name:<22}{row['validation'][score]:>12.3f}{row['test'][score]:>12.3f}")
    pace = f"{summary[f'{task.unit}_per_second']:,.0f} {task.unit} a second"
    print(
        f"\nbest step {summary['best_step']} of {summary['steps']}, {summary['parameters']:,} parameters, {pace}, "
        f"{summary['wall_seconds']:.0f} s; all of it in {folder}"
    )


if __name__ == "__main__":
    command_line.run(main)
