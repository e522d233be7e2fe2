"""Compares runs: a table of scores for each task, and pictures where the runs have what they show.

    python -m experiments.report D [D ...] [--split=test] [--report_dir=R]

D is the folder of a run, or a folder of such folders. Runs that differ in their seed alone are one row: n, mean,
standard deviation, and the 95% interval of the mean by Student's t. With --report_dir the tables and pictures are
written there as well.
"""

from pathlib import Path

from absl import flags

from experiments import command_line
from experiments.flag_kinds import define_enum
from seqlab.core.errors import SeqlabError
from seqlab.core.strict_json import to_json
from seqlab.report.distance import (
    DistanceRow,
    accuracies,
    accuracy_against_distance,
    baseline_accuracies,
    plot_accuracy_against_distance,
)
from seqlab.report.records import RunRecord, group_runs, read_runs
from seqlab.report.tables import ScoreRow, aligned, score_rows

define_enum("split", "test", ["validation", "test"], "The split whose scores are compared.")
flags.DEFINE_string("report_dir", "", "Folder for report.json and pictures; by default nothing is written.")

COLUMNS = ["n", "mean", "sd", "low 95%", "high 95%"]


def main(*folders: str) -> int:
    """Prints the tables of these folders, task by task."""
    asked = flags.FLAGS
    if not folders:
        raise SeqlabError("expected the folders of one or more runs; got none.")
    by_task: dict[str, list[RunRecord]] = {}
    for run in read_runs(folders):
        by_task.setdefault(run.settings.get("task", ""), []).append(run)
    content = {}
    for task, runs in by_task.items():
        rows = score_rows(group_runs(runs), asked.split)
        apart = accuracy_against_distance([run.folder for run in runs], asked.split)
        print(f"{task}: {asked.split} scores")
        print(_score_table(rows))
        _print_baselines(runs, asked.split)
        if apart:
            print(f"\n{task}: accuracy against distance")
            print(_distance_table(apart))
        for run in runs:
            if not run.is_complete:
                print(f"left out: {run.folder}, {run.summary.get('status', 'without a status')}")
        print()
        content[task] = {"scores": [_as_dict(row) for row in rows], "distance": [_as_dict(row) for row in apart]}
        if asked.report_dir and apart:
            picture = Path(asked.report_dir) / f"{task}_accuracy_by_distance.png"
            plot_accuracy_against_distance(apart, picture, baseline_accuracies(runs[0].summary))
            print(f"wrote {picture}")
    if asked.report_dir:
        target = Path(asked.report_dir) / "report.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(to_json(content, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {target}")
    return 0


def _score_table(rows: list[ScoreRow]) -> str:
    lines = [[row.label or "all", row.score, *row.spread] for row in rows if not accuracies({row.score: 0.0})]
    return aligned(["runs", "score", *COLUMNS], lines)


def _distance_table(rows: list[DistanceRow]) -> str:
    lines = [[row.label or "all", "{}-{}".format(*row.bucket), *row.spread] for row in rows]
    return aligned(["runs", "distance", *COLUMNS], lines)


def _print_baselines(runs: list[RunRecord], split: str) -> None:
    """The baselines of complete runs, each once: those of the same data are the same."""
    lines = [
        f"baseline {name}: " + ", ".join(f"{score} {value:.4g}" for score, value in row[split].items())
        for run in runs
        if run.is_complete
        for name, row in run.summary["baselines"].items()
    ]
    print("\n".join(dict.fromkeys(lines)))


def _as_dict(row: ScoreRow | DistanceRow) -> dict[str, object]:
    fields = row._asdict()
    del fields["spread"]
    return {**fields, **row.spread._asdict()}


if __name__ == "__main__":
    command_line.run(main, positional="run folders")
