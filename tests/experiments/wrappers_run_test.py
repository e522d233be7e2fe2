"""The flags of what is wrapped around cells, from the command line into a run."""

import json

import pytest

from tests.experiments.launching import TINY, launch, refused, write_text

FLAGS = [
    "--state_dropout_rate=0.1",
    "--weight_drop_rate=0.1",
    "--zoneout_rate=0.1",
    "--variational_dropout",
    "--learned_carry",
    "--skip_connections=dense",
    "--num_layers=2",
]


@pytest.mark.slow
def test_a_run_with_every_option_trains_and_scores(tmp_path):
    folder, text = tmp_path / "run", write_text(tmp_path / "words.txt")
    short = ["--num_steps=2", "--evaluate_every=2", "--chunk_steps=1"]
    ended = launch("run", *TINY, *FLAGS, *short, f"--dataset=text:{text}", f"--run_dir={folder}")
    assert ended.status == 0, ended.err
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["status"] == "complete"
    assert summary["test"]["loss"] > 0
    flags = (folder / "flags.txt").read_text().splitlines()
    assert {"--zoneout_rate=0.1", "--skip_connections=dense", "--learned_carry=true"} <= set(flags)


def test_an_option_that_the_cell_cannot_have_is_refused_in_a_line(tmp_path):
    text = write_text(tmp_path / "words.txt")
    given = [*TINY, f"--dataset=text:{text}", f"--run_dir={tmp_path / 'run'}"]
    assert "output is its hidden state" in refused("run", *given, "--cell=qrnn", "--zoneout_rate=0.1")
