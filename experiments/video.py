"""The task ``activity`` with what needs more than it: the contact sheet of a run on videos."""

import json
from pathlib import Path
from typing import Any

from seqlab.core.array_types import Params
from seqlab.data.labelled_features import FeatureSplits
from seqlab.report.contact_sheet import TitledClip, plot_contact_sheet
from seqlab.tasks.base import Compile, Task
from seqlab.tasks.feature_classification import FeatureConfig, make_task

MOST_LABELS = 12


def make_activity_task(config: FeatureConfig, sequences: FeatureSplits) -> Task:
    """The task ``activity``, which at its end draws the first test clip of each label, where rows are videos."""
    task = make_task(config, sequences)
    if sequences.train[0].features.ndim == 2:
        return task

    def finish(params: Params, folder: Path, compiler: Compile) -> dict[str, dict[str, Any]]:
        scores = task.finish(params, folder, compiler)
        lines = (folder / "predictions" / "test.jsonl").read_text(encoding="utf-8").splitlines()
        first: dict[str, TitledClip] = {}
        for row, line in zip(sequences.test, lines, strict=True):
            predicted = json.loads(line)["predicted"]
            said = "" if predicted == row.label else f", predicted: {predicted}"
            first.setdefault(row.label, TitledClip(row.label + said, row.features))
        plot_contact_sheet([first[label] for label in sorted(first)[:MOST_LABELS]], folder / "plots" / "clips.png")
        return scores

    return task._replace(finish=finish)
