import json

import pytest
from matplotlib.image import imread

from tests.experiments.launching import launch, refused
from tests.report.run_folders import write_run


def scores(near, far):
    return {"loss": 0.1, "accuracy": (near + far) / 2, "accuracy_at_1_to_5": near, "accuracy_at_6_to_10": far}


@pytest.fixture
def runs(tmp_path):
    """A folder of runs: two cells with two seeds, and one that diverged."""
    for cell, far in (("gru", 1.0), ("vanilla", 0.5)):
        for seed, near in enumerate((1.0, 0.9)):
            write_run(tmp_path / "runs" / f"{cell}{seed}", scores(near, far), cell=cell, seed=str(seed))
    write_run(tmp_path / "runs" / "lost", status="diverged", cell="gru", seed="7")
    return tmp_path / "runs"


def test_the_report_of_a_folder_of_runs_has_a_row_a_cell_and_names_what_it_leaves_out(runs):
    status, out, err = launch("report", runs)
    assert (status, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert ["cell=gru", "accuracy", "2", "0.975", "0.03536", "0.6573", "1.293"] in rows
    assert ["cell=vanilla", "6-10", "2", "0.5", "0", "0.5", "0.5"] in rows
    assert f"left out: {runs / 'lost'}, diverged" in out
    assert out.count("baseline chance") == 4
    assert list(runs.rglob("*.png")) == []


def test_with_a_folder_for_it_the_report_writes_its_tables_and_the_picture(runs, tmp_path):
    folder = tmp_path / "report"
    out = launch("report", runs / "gru0", runs / "vanilla0", f"--report_dir={folder}").out
    picture = folder / "agreement_accuracy_by_distance.png"
    assert f"wrote {picture}" in out
    assert imread(picture)[..., :3].std() > 0.01
    content = json.loads((folder / "report.json").read_text())["agreement"]
    assert content["distance"][0] == {
        "label": "cell=gru", "bucket": [1, 5], "n": 1, "mean": 1.0, "sd": None, "low": None, "high": None
    }  # fmt: skip
    assert {row["score"] for row in content["scores"]} == {
        "loss",
        "accuracy",
        "accuracy_at_1_to_5",
        "accuracy_at_6_to_10",
    }


def test_tasks_have_tables_of_their_own(runs, tmp_path):
    write_run(tmp_path / "adding", {"loss": 0.25, "mse": 0.25}, task="adding")
    out = launch("report", runs, tmp_path / "adding").out
    assert "agreement: test scores" in out
    assert "adding: test scores" in out
    assert "adding: accuracy against distance" not in out


def test_a_report_of_nothing_is_refused(tmp_path):
    assert "expected the folders of one or more runs" in refused("report")
    assert "expected the folder of a run that has ended" in refused("report", tmp_path)
