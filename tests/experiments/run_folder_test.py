import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags

from experiments import command_line, run_folder
from seqlab.core.errors import RunFolderError
from tests.experiments.launching import OTHER_VALUES, unparse_all


def parsed(*arguments):
    """A copy of the experiments' flags, parsed from these arguments."""
    values = copy.deepcopy(flags.FLAGS)
    unparse_all(values)
    command_line.parse(["run", *map(str, arguments)], values)
    return values


@pytest.fixture
def claimed(tmp_path):
    """A folder that belongs to a run of width 8."""
    run_folder.claim(tmp_path / "run", parsed("--hidden_size=8"))
    return tmp_path / "run"


# The folder's name -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "stem"),
    [
        (["--flagfile=experiments/flags/quickstart.flags"], "quickstart"),
        (["-flagfile=a/b.flags", "--seed=1"], "b"),
        (["--seed=1", "--flagfile", "a/my flags.flags"], "my flags"),
        (["--flagfile=one.flags", "--flagfile=two.flags"], "one"),
        (["--seed=1"], "run"),
    ],
)
def test_a_new_folder_is_named_for_the_flag_file_and_the_time(argv, stem):
    folder = run_folder.resolve("", argv)
    assert folder.parent == Path("runs")
    assert re.fullmatch(re.escape(stem) + r"-\d{4}-\d\d-\d\d-\d{6}", folder.name)


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "now")
    names = []
    for _ in range(3):
        folder = run_folder.resolve("", [])
        folder.mkdir(parents=True)
        names.append(folder.name)
    assert names == ["run-now", "run-now-2", "run-now-3"]


def test_a_folder_that_is_named_is_taken_as_it_is(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert run_folder.resolve("~/runs/a", ["--flagfile=b.flags"]) == Path("/home/ada/runs/a")


# Whose it is -----------------------------------------------------------------------------------------------------


def test_a_folder_that_is_new_or_empty_or_of_the_same_flags_may_be_used(tmp_path, claimed):
    run_folder.check(tmp_path / "new" / "deeper", parsed())
    (tmp_path / "empty").mkdir()
    run_folder.check(tmp_path / "empty", parsed())
    run_folder.check(claimed, parsed("--hidden_size=8"))
    run_folder.check(claimed, parsed(f"--flagfile={claimed / 'flags.txt'}", f"--run_dir={claimed}"))


def test_where_data_lie_may_differ(claimed):
    run_folder.check(claimed, parsed("--hidden_size=8", "--data_dir=/elsewhere"))


@pytest.mark.parametrize("name", sorted(OTHER_VALUES.keys() - run_folder.MAY_DIFFER))
def test_every_other_flag_is_the_experiments_identity(claimed, name):
    value = OTHER_VALUES[name]
    with pytest.raises(RunFolderError, match=f"holds another experiment: --{name}=.* there, {value} here; nothing"):
        run_folder.check(claimed, parsed("--hidden_size=8", f"--{name}={value}"))


def test_at_most_three_differences_are_named_and_the_others_counted(claimed):
    given = parsed("--hidden_size=9", "--seed=3", "--cell=gru", "--batch_size=7", "--patience=2")
    with pytest.raises(RunFolderError, match=re.escape("--seed=0 there, 3 here")) as error:
        run_folder.check(claimed, given)
    assert str(error.value).count(" there, ") == 3
    assert "and 2 more" in str(error.value)


def test_a_flag_that_an_older_run_did_not_have_has_its_default(claimed):
    path = claimed / "flags.txt"
    path.write_text(re.sub("--patience=.*\n", "", path.read_text()))
    run_folder.check(claimed, parsed("--hidden_size=8"))
    with pytest.raises(RunFolderError, match=re.escape("--patience=0 there, 3 here")):
        run_folder.check(claimed, parsed("--hidden_size=8", "--patience=3"))


def test_the_same_number_in_other_words_is_no_difference(claimed):
    path = claimed / "flags.txt"
    path.write_text(re.sub("--learning_rate=.*\n", "--learning_rate=2.0e-3\n", path.read_text()))
    run_folder.check(claimed, parsed("--hidden_size=8"))


def test_a_value_may_hold_what_python_takes_for_a_line_break(tmp_path):
    values = parsed("--dataset=text:a\u2028b\x0cc.txt")
    run_folder.claim(tmp_path / "run", values)
    run_folder.check(tmp_path / "run", values)


@pytest.mark.parametrize("name", ["file", "file/below", "foreign"])
def test_a_file_and_a_folder_of_something_else_are_refused(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match=r"Name (a new|another) folder"):
        run_folder.check(tmp_path / name, parsed())
    assert (tmp_path / "file").read_text() == "mine"


def test_claiming_again_keeps_the_flags_that_are_there(claimed):
    before = (claimed / "flags.txt").stat().st_mtime_ns
    run_folder.claim(claimed, parsed("--hidden_size=8", "--data_dir=/elsewhere"))
    assert (claimed / "flags.txt").stat().st_mtime_ns == before


# Reading it again ------------------------------------------------------------------------------------------------


def test_the_values_of_a_run_are_read_whatever_the_command_line_says(claimed, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["predict", "--seed=5"])
    before = flags.FLAGS.flag_values_dict()
    values = run_folder.read_values(claimed)
    assert (values.hidden_size, values.seed) == (8, 0)
    assert flags.FLAGS.flag_values_dict() == before


def test_a_run_of_another_version_names_the_row_of_the_flag_that_is_unknown(claimed):
    path = claimed / "flags.txt"
    path.write_text(f"--hiden_size=4\n{path.read_text()}")
    with pytest.raises(ValueError, match=re.escape(f"{path}:1: Unknown command line flag 'hiden_size'")):
        run_folder.read_values(claimed)


def test_a_number_that_is_not_finite_is_null_in_a_summary(tmp_path):
    path = tmp_path / "summary.json"
    run_folder.write_json(path, {"test": {"perplexity": float("inf"), "loss": 710.0}})
    assert run_folder.read_json(path, {}) == {"test": {"perplexity": None, "loss": 710.0}}


def test_json_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    run_folder.write_json(path, {"status": "interrupted"})
    with pytest.raises(TypeError):
        run_folder.write_json(path, {"status": object()})

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="No space left"):
            run_folder.write_json(path, {"status": "complete"})
    assert run_folder.read_json(path, {}) == {"status": "interrupted"}
    assert run_folder.read_json(tmp_path / "none.json", 7) == 7


def test_provenance_lists_every_launch(tmp_path, monkeypatch):
    path = tmp_path / "provenance.json"
    for seed in (1, 2):
        monkeypatch.setattr(sys, "argv", ["/code/experiments/run.py", f"--seed={seed}"])
        run_folder.write_provenance(path, seed, {"a.txt": "0" * 64})
    launches = json.loads(path.read_text())["launches"]
    assert [launch["seed"] for launch in launches] == [1, 2]
    assert launches[1]["command"] == ["python", "-m", "experiments.run", "--seed=2"]
    assert launches[1]["versions"].keys() >= {"python", "seqlab", "jax", "jaxlib", "flax", "optax", "numpy"}


def test_the_state_of_git_is_the_commit_and_whether_the_tree_was_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "__file__", str(tmp_path / "run_folder.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run_folder._git_state() == {}
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "First"], check=True)
    state = run_folder._git_state()
    assert re.fullmatch("[0-9a-f]{40}", state["commit"])
    assert state["dirty"] is False
    (tmp_path / "new.py").touch()
    assert run_folder._git_state()["dirty"] is True
