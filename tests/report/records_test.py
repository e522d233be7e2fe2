import pytest

from seqlab.core.errors import RunFolderError
from seqlab.report.records import group_runs, read_run, read_runs
from tests.report.run_folders import write_run


def test_a_run_is_its_flags_and_its_summary(tmp_path):
    folder = write_run(tmp_path / "a", {"loss": 0.5}, cell="gru", dataset="text:a=b.txt", note="")
    run = read_run(folder)
    assert run.settings == {"task": "agreement", "seed": "0", "cell": "gru", "dataset": "text:a=b.txt", "note": ""}
    assert run.summary["test"] == {"loss": 0.5}
    assert run.is_complete
    assert not read_run(write_run(tmp_path / "b", status="diverged")).is_complete


def test_a_folder_of_runs_stands_for_them_and_a_run_that_is_named_twice_is_read_once(tmp_path):
    for name in ("b", "a"):
        write_run(tmp_path / "runs" / name, {"loss": 1.0})
    (tmp_path / "runs" / "notes").mkdir()
    runs = read_runs([tmp_path / "runs" / "b", tmp_path / "runs"])
    assert [run.folder.name for run in runs] == ["b", "a"]


def test_groups_are_told_apart_by_the_flags_that_differ_apart_from_seed_and_place_of_data(tmp_path):
    settings = [("gru", "0"), ("lstm", "0"), ("gru", "1")]
    folders = [
        write_run(tmp_path / str(k), {"loss": 1.0}, cell=cell, seed=seed, data_dir=str(k), hidden_size="8")
        for k, (cell, seed) in enumerate(settings)
    ]
    groups = group_runs(read_runs(folders))
    assert [(group.label, [run.folder.name for run in group.runs]) for group in groups] == [
        ("cell=gru", ["0", "2"]),
        ("cell=lstm", ["1"]),
    ]
    (alone,) = group_runs(read_runs(folders[::2]))
    assert alone.label == ""


def test_a_flag_that_an_older_run_has_not_tells_it_apart(tmp_path):
    folders = [write_run(tmp_path / "old", {"loss": 1.0}), write_run(tmp_path / "new", {"loss": 1.0}, chrono_steps="0")]
    assert [group.label for group in group_runs(read_runs(folders))] == ["chrono_steps=", "chrono_steps=0"]


@pytest.mark.parametrize(
    ("missing", "say"),
    [("flags.txt", "found no flags.txt in it"), ("summary.json", "found no summary.json in it")],
)
def test_a_folder_that_is_no_run_that_has_ended_is_refused(tmp_path, missing, say):
    folder = write_run(tmp_path / "a", {"loss": 1.0})
    (folder / missing).unlink()
    with pytest.raises(RunFolderError, match=say):
        read_runs([folder])


@pytest.mark.parametrize(("content", "say"), [("{", "expected JSON"), ("[1]", "expected an object; got list")])
def test_a_summary_that_cannot_be_read_is_refused(tmp_path, content, say):
    folder = write_run(tmp_path / "a", {"loss": 1.0})
    (folder / "summary.json").write_text(content)
    with pytest.raises(RunFolderError, match=f"summary.json: {say}"):
        read_run(folder)
