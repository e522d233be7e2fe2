import json
import os
from pathlib import Path

import pytest

from experiments import run_folder, run_lock
from seqlab.core.errors import RunFolderError
from tests.experiments.launching import refused
from tests.experiments.run_folder_test import parsed


def test_who_holds_a_folder_is_told_and_the_lock_goes_with_it(tmp_path):
    folder = tmp_path / "new" / "run"
    with run_lock.held(folder):
        said = json.loads((folder / run_lock.NAME).read_text())
        assert said["pid"] == os.getpid()
        with (
            pytest.raises(RunFolderError, match=f"is in use by process {os.getpid()} on {said['host']}, since 2"),
            run_lock.held(folder),
        ):
            pytest.fail("two have the lock")
        assert json.loads((folder / run_lock.NAME).read_text()) == said
    assert list(folder.iterdir()) == []
    with run_lock.held(folder):
        pass


@pytest.mark.parametrize(
    ("content", "who"),
    [
        ('{"pid": 7, "host": "ada", "since": "noon"}', "process 7 on ada, since noon,"),
        ('{"pid"', "a process that did not say its number"),
        ("[]", "a process that did not say its number"),
    ],
)
def test_a_lock_that_a_killed_process_left_is_recognised(tmp_path, capsys, content, who):
    (tmp_path / run_lock.NAME).write_text(content)
    with run_lock.held(tmp_path):
        assert json.loads((tmp_path / run_lock.NAME).read_text())["pid"] == os.getpid()
    assert capsys.readouterr().out == f"{who} ended without a word; its run goes on.\n"


def test_a_lock_whose_file_was_removed_while_it_was_waited_for_is_taken_anew(tmp_path, monkeypatch):
    flock, removed = run_lock.fcntl.flock, []

    def remove_first(file, operation):
        flock(file, operation)
        if not removed:
            removed.append(os.fstat(file.fileno()).st_ino)
            (tmp_path / run_lock.NAME).unlink()

    monkeypatch.setattr("fcntl.flock", remove_first)
    with run_lock.held(tmp_path), pytest.raises(RunFolderError, match="is in use"), run_lock.held(tmp_path):
        pytest.fail("two have the lock")


def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with run_lock.held(tmp_path):
        pass
    assert "this file system has no locks (Function not implemented)" in capsys.readouterr().out


def test_an_error_in_a_folder_that_turned_read_only_is_not_hidden_by_the_lock(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(RunFolderError, match="first"), run_lock.held(tmp_path):
        raise RunFolderError("first")


def test_a_second_run_is_refused_with_status_two(trained):
    with run_lock.held(trained.folder):
        flags = [f"--flagfile={trained.folder / 'flags.txt'}", "--num_steps=12", f"--run_dir={trained.folder}"]
        summary = trained.folder / "summary.json"
        content = summary.read_bytes()
        summary.unlink()
        try:
            assert f"is in use by process {os.getpid()} on" in refused("run", *flags)
        finally:
            summary.write_bytes(content)


def test_a_run_that_was_killed_before_its_flags_were_written_can_be_started_again(tmp_path):
    for name in run_folder.BEFORE_FLAGS:
        (tmp_path / name).write_text("--hid")
    run_folder.check(tmp_path, parsed("--hidden_size=8"))
    run_folder.claim(tmp_path, parsed("--hidden_size=8"))
    run_folder.check(tmp_path, parsed("--hidden_size=8"))


def test_the_hash_of_a_configuration_is_that_of_the_flags_that_are_not_at_their_defaults():
    plain = run_folder.config_hash(parsed("--hidden_size=8"))
    assert (
        run_folder.config_hash(parsed("--hidden_size=8", "--seed=0", "--data_dir=x", "--max_skipped_steps=3")) == plain
    )
    assert run_folder.config_hash(parsed("--hidden_size=9")) != plain
