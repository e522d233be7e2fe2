"""A run and a prediction write into the run's folder alone, listen to nobody and start nothing but git."""

import os
import shutil

import pytest

from tests.experiments.launching import launch
from tests.promises.audit import CONNECTS, STARTS, heard, named, written


def outside(events, *folders):
    """What was written, but for the folders, the tests' compiled programs, and devices."""
    return {
        path
        for path in written(events)
        if not path.is_relative_to("/dev") and not any(map(path.is_relative_to, folders))
    }


@pytest.mark.slow
def test_a_run_writes_into_its_folder_alone_and_opens_no_port(trained, compilation_cache_folder, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with heard() as events:
        assert launch("run", *trained.arguments, f"--run_dir={tmp_path / 'run'}").status == 0
    assert outside(events, tmp_path / "run", compilation_cache_folder) == set()
    assert not any((tmp_path / "here").iterdir())
    assert named(events, *CONNECTS) == []
    started = {os.path.basename(str(args[0])) for name, args in named(events, *STARTS) if name == "subprocess.Popen"}
    assert started <= {"git"}


def test_the_flags_of_a_run_that_was_changed_send_a_prediction_nowhere_else(
    trained, compilation_cache_folder, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    with (folder / "flags.txt").open("a") as file:
        file.write(f"--data_dir={tmp_path / 'evil'}\n--dataset=text:../../evil\n")
    with heard() as events:
        done = launch("predict", f"--run_dir={folder}", "--mode=sample", "--num_tokens=4", "--prompt=the")
    assert done.status == 0, done.err
    assert outside(events, folder, compilation_cache_folder) == set()
    assert not any((tmp_path / "here").iterdir())
    assert not (tmp_path / "evil").exists()
    assert named(events, *STARTS, *CONNECTS) == []
