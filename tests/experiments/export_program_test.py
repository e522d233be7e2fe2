import subprocess
import sys

import pytest
from absl import flags

from experiments import export_program
from experiments.export_program import EXPORTABLES, export_programs
from experiments.task_table import TASKS
from seqlab.core.errors import SeqlabError

NO_TASKS = {"translation", "transcription"}
CELLS = ["gru", "vanilla", "lstm_layer_norm", "lru", "min_gru", "qrnn"]
OTHERS = [*(["--task=filtering", f"--cell={cell}", "--skip_connections=dense"] for cell in CELLS), ["--learned_carry"]]


def check(folder, cases):
    arguments = [part for case in cases for part in ("--", *case)][1:]
    command = [sys.executable, "-m", "tests.experiments.exported", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("equal\n") == len(cases)


@pytest.mark.slow
def test_the_exported_programs_of_every_task_give_what_its_model_gives(tmp_path):
    check(tmp_path, [[f"--task={task}", "--num_layers=2"] for task in sorted(EXPORTABLES)])


@pytest.mark.slow
def test_the_exported_programs_of_other_cells_give_what_the_model_gives(tmp_path):
    check(tmp_path, OTHERS)


def test_every_task_can_be_exported_but_those_whose_answer_is_a_search():
    assert set(EXPORTABLES) == set(TASKS) - NO_TASKS


def test_what_cannot_be_exported_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(export_program, "EXPORTABLES", {})
    run = flags.FlagValues()
    flags.DEFINE_string("task", "translation", "", flag_values=run)
    run.mark_as_parsed()
    with pytest.raises(SeqlabError, match="expected a task of"):
        export_programs(tmp_path / "new", tmp_path, run, {})
    with pytest.raises(SeqlabError, match="expected the name of a folder to make"):
        export_programs(tmp_path, tmp_path, run, {})


def test_the_loader_has_ten_lines_and_imports_jax_alone():
    lines = [line for line in export_program.LOADER.splitlines()[1:] if line]
    assert len(lines) <= 10
    assert [line for line in lines if line.startswith("import")] == [
        "import json, pathlib, jax, jax.export, numpy as np  # noqa: E401"
    ]
