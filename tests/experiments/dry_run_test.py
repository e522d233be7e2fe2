import re

import jax
import pytest

from experiments import dry_run, profile_trace
from tests.experiments.launching import launch, refused


def test_a_dry_run_says_what_a_run_would_be_and_writes_nothing(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(dry_run, "MEASURED_SECONDS", 0.01)
    folder = tmp_path / "run"
    done = launch("run", *trained.arguments, f"--run_dir={folder}", "--dry_run")
    assert (done.status, done.err) == (0, "")
    assert not folder.exists()
    said = dict(re.split(r"  +", line, maxsplit=1) for line in done.out.splitlines())
    assert said["batch"] == "inputs int32[8, 32], targets int32[8, 32], starts bool[8], rows int32[8]"
    assert f", {int(said['parameters'].replace(',', '')):,} parameters" in trained.launched.out
    batches = int(said["characters an epoch"].split()[2])
    assert said["characters an epoch"] == f"{8 * 32 * batches:,}, in {batches} batches"
    assert said["steps"] == "12, with an evaluation and a checkpoint every 4"
    assert said["memory"].startswith("0.")
    assert "ms a step" in said["time"]


def test_a_dry_run_refuses_what_a_run_would_refuse(trained, tmp_path):
    assert "unknown cell 'lstn'" in refused(
        "run", *trained.arguments, f"--run_dir={tmp_path}", "--dry_run", "--cell=lstn"
    )
    assert "expected a UTF-8 text file" in refused("run", "--dataset=text:none", f"--run_dir={tmp_path}", "--dry_run")
    assert not any(tmp_path.iterdir())


def test_a_trace_is_of_the_chunks_behind_the_first_until_there_are_enough_steps(monkeypatch, tmp_path):
    told = []
    monkeypatch.setattr(jax.profiler, "start_trace", lambda folder, **options: told.append(("start", folder)))
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: told.append(("stop",)))
    with profile_trace.ProfileTrace(tmp_path, 5) as trace:
        for step in (4, 8, 12, 16):
            trace.record(step, "train", {})
            trace.record(step, "validation", {})
            told.append((step,))
    assert told == [("start", tmp_path), (4,), (8,), ("stop",), (12,), (16,)]
    with profile_trace.ProfileTrace(tmp_path, 100) as trace:
        trace.record(4, "train", {})
    assert told[-2:] == [("start", tmp_path), ("stop",)]
    with profile_trace.ProfileTrace(tmp_path, 0) as trace:
        trace.record(4, "train", {})
    assert told[-1] == ("stop",)


@pytest.mark.slow
def test_a_profile_is_written_into_the_run_folder(trained, tmp_path):
    folder = tmp_path / "run"
    assert launch("run", *trained.arguments, f"--run_dir={folder}", "--profile=4").status == 0
    assert list((folder / "profile").rglob("*.xplane.pb"))
    assert list((folder / "profile").rglob("perfetto_trace.json.gz"))
