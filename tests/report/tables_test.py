import pytest

from seqlab.report.records import group_runs, read_runs
from seqlab.report.tables import aligned, score_rows
from tests.report.run_folders import write_run


def test_every_score_of_every_group_has_a_row_of_its_complete_runs(tmp_path):
    runs = [("gru", "0", 0.5), ("gru", "1", 0.7), ("lstm", "0", 0.25)]
    folders = [
        write_run(tmp_path / f"{cell}{seed}", {"loss": x, "bits": x / 2}, cell=cell, seed=seed)
        for cell, seed, x in runs
    ]
    folders.append(write_run(tmp_path / "lost", status="diverged", cell="gru", seed="2"))
    rows = score_rows(group_runs(read_runs(folders)))
    found = [(row.label, row.score, row.spread.n, row.spread.mean) for row in rows]
    assert found == [
        ("cell=gru", "loss", 2, pytest.approx(0.6)),
        ("cell=lstm", "loss", 1, 0.25),
        ("cell=gru", "bits", 2, pytest.approx(0.3)),
        ("cell=lstm", "bits", 1, 0.125),
    ]


def test_a_score_that_is_not_finite_is_left_out(tmp_path):
    folder = write_run(tmp_path / "a", {"loss": 1.0, "perplexity": None})
    assert [row.score for row in score_rows(group_runs(read_runs([folder])))] == ["loss"]


def test_columns_are_as_wide_as_their_widest_cell():
    assert aligned(["a", "n"], [["long name", 12345], ["x", 0.5]]).split("\n") == [
        "a              n",
        "long name  12345",
        "x            0.5",
    ]


def test_a_table_without_rows_is_its_header():
    assert aligned(["cell", "n"], []) == "cell  n"
