"""Run folders of every release so far: today's code reads them, and goes on with them. See generate_run.py."""

import json
import shutil
from pathlib import Path

import pytest

from experiments import run_folder
from seqlab.core.trees import count_parameters
from seqlab.train import Checkpoints
from tests.experiments.launching import launch

FOLDERS = sorted(path for path in Path(__file__).parent.glob("run_*") if path.is_dir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_flags_and_the_params_of_a_run_of_an_earlier_release_are_read(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    values = run_folder.read_values(tmp_path / "run")
    assert (values.task, values.cell, values.hidden_size, values.num_steps) == ("language_model", "gru", 4, 12)
    warnings = []
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", warn=warnings.append)
    assert checkpoints.newest_step() == 2
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert count_parameters(checkpoints.stored_params(checkpoints.best_step())) == summary["parameters"]
    assert warnings == []


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_run_of_an_earlier_release_is_gone_on_with(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    done = launch("run", "--flagfile=run/flags.txt", "--run_dir=run")
    assert done.status == 0, done.err
    assert "steps 2 to 12" in done.out
    assert "warning" not in done.out
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert lines[:1] == (folder / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines if '"validation"' in line] == [4, 8, 12]
    said = launch("predict", "--run_dir=run", "--mode=score", "--input=text.txt")
    assert said.status == 0, said.err
