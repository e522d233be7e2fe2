"""Runs that are killed, interrupted, starved and doubled, as processes of their own; see ``forking``."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqlab.train import Checkpoints

pytestmark = pytest.mark.slow

KILLS, SIGNALS, REPEATS = 200, 20, 5
LONG = ["--num_steps=600", "--chunk_steps=2", "--evaluate_every=4"]


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def wait_for(path, num_lines=1, seconds=60.0):
    """Waits until a file has so many lines."""
    until = time.monotonic() + seconds
    while len(lines_of(path)) < num_lines:
        assert time.monotonic() < until, f"{path} has not {num_lines} lines after {seconds} s"
        time.sleep(0.005)


def wait_for_words(path, words, seconds=10.0):
    until = time.monotonic() + seconds
    while words not in path.read_text():
        assert time.monotonic() < until, path.read_text()[-3000:]
        time.sleep(0.005)


def wait_for_checkpoint(folder, seconds=60.0):
    until = time.monotonic() + seconds
    while not Checkpoints(folder / "checkpoints").steps():
        assert time.monotonic() < until, f"{folder} has no checkpoint after {seconds} s"
        time.sleep(0.005)


def digest(folder):
    """SHA-256 of all that the same command has to give again: metrics, and every saved param."""
    checkpoints = Checkpoints(folder / "checkpoints")
    digests = hashlib.sha256((folder / "metrics.jsonl").read_bytes())
    for step in checkpoints.steps():
        params = checkpoints.stored_params(step)
        for name in sorted(params):
            digests.update(f"{name} {sorted_leaves(params[name])}".encode())
    return digests.hexdigest()


def sorted_leaves(tree):
    if isinstance(tree, dict):
        return [(name, sorted_leaves(tree[name])) for name in sorted(tree)]
    return hashlib.sha256(bytes(memoryview(tree).cast("B")) if tree.shape else tree.tobytes()).hexdigest()


def test_a_run_that_is_killed_at_random_instants_loses_no_checkpoint_and_ends_as_if_it_was_not(
    forking, tiny, quick_folder
):
    rng = random.Random(0)
    log, whole = quick_folder / "log", quick_folder / "whole"
    forking.start(*tiny, *LONG, f"--run_dir={whole}", log=log, saved=quick_folder / "none")
    assert forking.wait() == 0, log.read_text()[-2000:]

    kills = complete = 0
    run, saved = quick_folder / "killed", quick_folder / "saved"
    in_a_save = 0
    while kills < KILLS:
        before = len(lines_of(saved))
        pid = forking.start(*tiny, *LONG, f"--run_dir={run}", log=log, saved=saved)
        if rng.random() < 0.8:  # The others are killed wherever they are, at start most often.
            until = time.monotonic() + 30
            while len(lines_of(saved)) == before and time.monotonic() < until and Path(f"/proc/{pid}/fd/0").exists():
                time.sleep(0.002)
        time.sleep(rng.uniform(0.0, 0.5))
        with contextlib.suppress(ProcessLookupError):  # It may have come to its end.
            os.kill(pid, signal.SIGKILL)
        status = forking.wait()
        assert status in (0, -signal.SIGKILL), log.read_text()[-2000:]
        if status == 0:
            assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
            assert digest(run) == digest(whole)
            complete += 1
            shutil.rmtree(run)
            saved.unlink()
            continue
        kills += 1
        in_a_save += any((run / "checkpoints").glob("part_*"))
        acknowledged = max(map(int, lines_of(saved)), default=0)
        copy = shutil.copytree(run, quick_folder / "looked_at", dirs_exist_ok=False) if run.exists() else None
        if copy is not None:
            warnings = []
            checkpoints = Checkpoints(copy / "checkpoints", warn=warnings.append)
            step = checkpoints.newest_step() or 0
            assert step >= acknowledged
            assert warnings == []
            if step:
                checkpoints.stored_params(step)
            shutil.rmtree(copy)
    shutil.rmtree(run, ignore_errors=True)
    print(f"\n{kills} kills, {in_a_save} within a save, none lost a checkpoint; {complete} runs came to their end")
    assert complete > 0
    assert in_a_save > 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_within_ten_seconds_with_a_checkpoint(forking, tiny, quick_folder, number, status):
    rng, seconds = random.Random(int(number)), []
    log, run = quick_folder / "log", quick_folder / f"signal{status}"
    for _ in range(SIGNALS):
        shutil.rmtree(run, ignore_errors=True)
        pid = forking.start(
            *tiny, *LONG, "--num_steps=1000000", f"--run_dir={run}", log=log, saved=quick_folder / "none"
        )
        wait_for(run / "metrics.jsonl")
        time.sleep(rng.uniform(0.0, 0.5))
        sent = time.monotonic()
        os.kill(pid, number)
        assert forking.wait() == status, log.read_text()[-2000:]
        seconds.append(time.monotonic() - sent)
        last = json.loads(lines_of(run / "metrics.jsonl")[-1])["step"]
        assert Checkpoints(run / "checkpoints").newest_step() == last
        assert json.loads((run / "summary.json").read_text())["status"] == "interrupted"
        assert not (run / "run.lock").exists()
    shutil.rmtree(run)
    print(f"\n{SIGNALS} of signal {number}: {max(seconds):.2f} s at most from the signal to the end")
    assert max(seconds) < 10.0


def test_the_same_command_gives_the_same_bytes_on_one_thread(forking, tiny, quick_folder):
    digests = set()
    for repeat in range(REPEATS):
        run = quick_folder / f"repeat{repeat}"
        forking.start(*tiny, f"--run_dir={run}", log=quick_folder / "log", saved=quick_folder / "none")
        assert forking.wait() == 0
        digests.add(digest(run))
        (threads,) = {launch["cpu_threads"] for launch in json.loads((run / "provenance.json").read_text())["launches"]}
        assert threads == 1
    assert len(digests) == 1


def test_a_second_process_in_a_folder_is_refused_and_a_killed_ones_lock_is_recognised(forking, tiny, quick_folder):
    log, run = quick_folder / "lock_log", quick_folder / "locked"
    pid = forking.start(*tiny, *LONG, "--num_steps=1000000", f"--run_dir={run}", log=log, saved=quick_folder / "none")
    wait_for_checkpoint(run)
    command = [sys.executable, "-m", "experiments.run", *tiny, *LONG, "--num_steps=1000000", f"--run_dir={run}"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode == 2
    assert f"is in use by process {pid} on " in second.stderr
    os.kill(pid, signal.SIGKILL)
    assert forking.wait() == -signal.SIGKILL
    assert (run / "run.lock").exists()
    log.unlink()
    again = forking.start(
        *tiny, *LONG, "--num_steps=1000000", f"--run_dir={run}", log=log, saved=quick_folder / "again"
    )
    wait_for(quick_folder / "again")
    os.kill(again, signal.SIGTERM)
    assert forking.wait() == 143
    wait_for_words(log, "ended without a word; its run goes on.")
    assert f"process {pid} on " in log.read_text()


def test_a_disk_that_takes_no_more_ends_the_run_with_its_step_and_leaves_the_checkpoint_before(
    forking, tiny, quick_folder
):
    log, run, saved = quick_folder / "full_log", quick_folder / "full", quick_folder / "full_saved"
    forking.start(*tiny, *LONG, f"--run_dir={run}", log=log, saved=saved, largest_file=2000)
    assert forking.wait() == 2, log.read_text()[-3000:]
    wait_for_words(log, "the checkpoint of step 8 could not be written")
    assert "File too large" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert Checkpoints(run / "checkpoints").newest_step() == 4
    log.unlink()
    forking.start(*tiny, *LONG, "--num_steps=600", f"--run_dir={run}", log=log, saved=saved)
    assert forking.wait() == 0, log.read_text()[-3000:]
    wait_for_words(log, "steps 4 to 600")


@pytest.mark.skipif(os.getuid() != 0, reason="a run goes on as another user where root started it alone")
def test_a_folder_that_turns_read_only_ends_the_run_with_its_step_and_leaves_the_checkpoint_before(
    forking, tiny, quick_folder
):
    log, run, saved = quick_folder / "read_only_log", quick_folder / "read_only", quick_folder / "read_only_saved"
    forking.start(*tiny, *LONG, f"--run_dir={run}", log=log, saved=saved, user=65534)
    assert forking.wait() == 2, log.read_text()[-3000:]
    wait_for_words(log, "the checkpoint of step 8 could not be written")
    assert "Permission denied" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert Checkpoints(run / "checkpoints").newest_step() == 4
