"""The tasks of long-term dependencies from the command line: two steps, then predictions."""

import json

import pytest

from seqlab.data.synthetic import generated
from tests.experiments.launching import launch, refused

SMALL = [
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--embedding_size=3",
    "--sequence_length=10",
    "--batch_size=4",
    "--eval_batch_size=64",
    "--num_steps=2",
]
LINES = {
    "adding": ["[[0.5, 1], [0.25, 0], [0.5, 1]]"],
    "agreement": ["Today, due to my current job, I", "the dogs who slept"],
    "copy_memory": ["[1, 2, 3, 4, 5, 6, 7, 8, 1, 2]"],
    "temporal_order": ["EabXcdYdB", "EXYB"],
}


# Those by default are one of each shape; .ci/run has two steps of every flag file.
BY_DEFAULT = {"agreement", "copy_memory"}


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=() if task in BY_DEFAULT else pytest.mark.slow) for task in LINES]
)
def test_a_task_is_trained_for_two_steps_and_then_asked(task, tmp_path, monkeypatch):
    monkeypatch.setattr(generated, "VALIDATION_ROWS", 64)
    monkeypatch.setattr(generated, "TEST_ROWS", 64)
    folder = tmp_path / "run"
    launched = launch("run", f"--task={task}", *SMALL, f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["status"] == "complete"
    assert summary["baselines"]
    assert "--- sample ---" in launched.out
    by_distance = [name for name in summary["test"] if name.startswith("accuracy_at_")]
    assert bool(by_distance) == (task == "agreement") == (folder / "plots" / "accuracy_by_distance.png").exists()

    asked = launch("predict", f"--run_dir={folder}", "--input=-", stdin="\n".join(LINES[task]).encode())
    assert (asked.status, asked.err) == (0, "")
    answers = [json.loads(line) for line in asked.out.splitlines()]
    assert len(answers) == len(LINES[task])
    error = refused("predict", f"--run_dir={folder}", "--prompt=?")
    assert error.startswith("line 1: expected ")


def test_these_tasks_read_no_data_set(tmp_path):
    error = refused("run", "--task=adding", "--dataset=tinyshakespeare", f"--run_dir={tmp_path / 'run'}")
    assert "makes its own rows; expected --dataset=builtin" in error
