"""Trains a model, evaluates it on the test split and writes the run folder; goes on where that has a checkpoint.

    python -m experiments.run --flagfile=experiments/flags/quickstart.flags [--flag=value ...]

Exit status: 0 done; 2 wrong flags or input; 3 diverged; 130 and 143 interrupted, after a checkpoint.
"""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from absl import flags

from experiments import command_line, run_folder
from experiments.allocator import keep_freed_memory
from experiments.task_table import task_entry

if TYPE_CHECKING:
    from seqlab.core.array_types import Params
    from seqlab.tasks.base import Task
    from seqlab.train import Fitted, Observer

EXIT_STATUS = {"complete": 0, "diverged": 3}
SIGNAL_STATUS = 128


class StopSignal:
    """Remembers an interrupt, so that training ends at a whole step; a second one ends it at once."""

    def __init__(self) -> None:
        self.number = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.number:
            raise KeyboardInterrupt
        self.number = number

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.number != 0


def main() -> int:
    """Runs the experiment that the flags declare."""
    keep_freed_memory()
    values = flags.FLAGS
    started = time.monotonic()
    folder = run_folder.resolve(values.run_dir, sys.argv[1:])
    run_folder.check(folder, values)
    before = run_folder.read_json(folder / "summary.json", {})
    if before.get("status") == "complete":
        print(f"{folder} is complete, nothing was done. Name a new --run_dir to train again.")
        return 0
    entry = task_entry(values.task)
    data = entry.load(values)
    task = entry.make(values, data)
    stop = StopSignal()
    fitted, summary = _train(values, folder, task, data, stop)
    summary["wall_seconds"] = round(before.get("wall_seconds", 0.0) + time.monotonic() - started, 2)
    run_folder.write_json(folder / "summary.json", summary)
    _print_outcome(folder, task, summary, fitted)
    return EXIT_STATUS.get(fitted.status, SIGNAL_STATUS + stop.number)


def _train(
    values: flags.FlagValues, folder: Path, task: "Task", data: Any, stop: StopSignal
) -> tuple["Fitted", dict[str, Any]]:
    """Trains, from the folder's newest checkpoint where there is one, and evaluates where training came to its end."""
    import jax

    from experiments import from_flags
    from seqlab.core.trees import count_parameters
    from seqlab.data.batch import RaggedBatches
    from seqlab.optim import make_optimizer, make_schedule
    from seqlab.train import Checkpoints, fit
    from seqlab.train.writers import JsonLines, PaceMeter, ProgressDisplay, TensorBoard

    config = from_flags.train_config(values, task)
    optimizer = from_flags.optimizer_config(values)
    durations = {"steps_per_epoch": task.splits.train.batches_per_epoch, "total_steps": config.num_steps}
    transformation = make_optimizer(optimizer, **durations)
    schedule = make_schedule(optimizer.schedule, optimizer.learning_rate, **durations)

    run_folder.claim(folder, values)
    run_folder.write_provenance(folder / "provenance.json", values.seed, data.checksums)
    for name, save in task.artifacts.items():
        save(folder / name)
    checkpoints = Checkpoints(folder / "checkpoints")
    first_step = checkpoints.steps()[-1] if checkpoints.steps() else 0
    print(f"{data.description}\nsteps {first_step} to {config.num_steps}, into {folder}", flush=True)

    pace = PaceMeter()
    with (
        JsonLines(folder / "metrics.jsonl", first_step) as lines,
        TensorBoard(folder / "tensorboard", first_step) as board,
        ProgressDisplay(config.num_steps, first_step, task.unit, task.headline) as progress,
    ):
        fitted = fit(
            task,
            transformation,
            config,
            from_flags.hyper(values),
            schedule=schedule,
            checkpoints=checkpoints,
            observers=[lines, board, pace, progress],
            should_stop=stop,
        )
        summary: dict[str, Any] = {
            "status": fitted.status,
            "steps": int(fitted.state.step),
            "best_step": fitted.best.step,
            "parameters": count_parameters(fitted.best_params),
            f"{task.unit}_per_second": round(pace.median(), 1),
        }
        train = task.splits.train
        if isinstance(train, RaggedBatches):
            padding = {"padding_share": round(train.padding_share, 4), "num_shapes": train.num_shapes}
            summary |= {**padding, "num_traces": fitted.num_traces}
        if fitted.status == "complete":
            scores = _final_scores(task, fitted.best_params, fitted.best.step, [lines, board])
            for part in ("predictions", "plots"):
                (folder / part).mkdir(exist_ok=True)
            for split, more in task.finish(fitted.best_params, folder, jax.jit).items():
                scores[split] = {**scores[split], **more}
            summary |= {**scores, "baselines": task.baselines()}
    return fitted, summary


def _final_scores(
    task: "Task", params: "Params", step: int, observers: list["Observer"]
) -> dict[str, dict[str, float]]:
    """Scores of the best params on validation and, the one time that it is read, on the test split."""
    import jax

    from seqlab.train import evaluate_split

    eval_step = jax.jit(task.evaluate)
    scores = {split: evaluate_split(task, eval_step, params, split) for split in ("validation", "test")}
    for observer in observers:
        observer.record(step, "test", scores["test"])
    return scores


def _print_outcome(folder: Path, task: "Task", summary: dict[str, Any], fitted: "Fitted") -> None:
    """Plots the learning curve; says what came out, or why it stopped."""
    import jax

    from seqlab.report.attention import plot_attention
    from seqlab.report.confusion import plot_confusion
    from seqlab.report.distance import plot_run
    from seqlab.report.forecast import plot_forecasts
    from seqlab.report.piano_roll import plot_generated
    from seqlab.report.plots import plot_learning_curve

    plot_learning_curve(folder / "metrics.jsonl", folder / "plots" / "learning_curve.png", task.headline, summary)
    if fitted.status == "diverged":
        print(f"diverged: what step {fitted.diverged_step} computes is not finite; nothing of it was saved.")
        print("Lower --learning_rate, or hold the gradient with --clip_norm=1.")
        return
    if fitted.status == "interrupted":
        print(f"interrupted at step {summary['steps']}; the same command with --run_dir={folder} goes on.")
        return
    plot_run(summary, folder / "plots" / "accuracy_by_distance.png")
    plot_confusion(summary, folder / "plots" / "confusion_matrix.png")
    plot_forecasts(folder / "predictions" / "forecasts.json", folder / "plots")
    plot_attention(folder / "predictions" / "attention.json", folder / "plots")
    plot_generated(folder / "predictions" / "generated.json", folder / "plots")
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
