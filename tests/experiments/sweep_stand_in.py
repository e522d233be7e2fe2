"""A worker of a sweep whose training is a stand-in that takes no time and needs no jax; also a program of its own."""

import json
import math
import sys
import time

from experiments import command_line, run_folder, sweep_worker

SECONDS = 0.05


class OnlySelection:
    """As much of a task as a worker looks at."""

    selection = "loss"


def score_of(values):
    """A stand-in for a loss: best at a learning rate of 0.01, and worse by one hundredth with every seed."""
    return abs(math.log10(values.learning_rate) + 2) + 0.01 * values.seed


def train(folder, values, make_stop, watchers=lambda task: ()):
    """What ``run.run_in`` does, as far as a sweep sees it: four evaluations, and a summary."""
    if (folder / "summary.json").exists():
        return 0
    with (folder / "starts.txt").open("a") as file:
        file.write("start\n")
    stop = make_stop()
    status, score, observers = "complete", score_of(values), watchers(OnlySelection())
    for evaluation in range(1, 5):
        time.sleep(SECONDS / 4)
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": evaluation, "split": "validation", "loss": score}) + "\n")
        for observer in observers:
            observer.record(evaluation, "validation", {"loss": score})
        if stop() and evaluation < 4:
            status = "interrupted"
            break
    if values.learning_rate > 1:
        status = "diverged"
    summary = {"status": status, "selection": "loss", "best_score": score, "wall_seconds": SECONDS}
    scores = {split: {"loss": score} for split in ("validation", "test")}
    run_folder.write_json(folder / "summary.json", {**summary, **(scores if status == "complete" else {})})
    return 0


def stand_in(replace):
    """Puts the stand-in in place of training, by a function like ``setattr``."""
    replace(sweep_worker.run, "run_in", train)
    replace(sweep_worker, "_keep_programs", lambda folder: None)


if __name__ == "__main__":
    stand_in(setattr)
    command_line.run(sweep_worker.main, sys.argv, positional="the folder of a sweep and a process")
