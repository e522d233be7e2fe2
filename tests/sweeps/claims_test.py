import os
import subprocess
import sys
import threading
import time

import pytest

from seqlab.sweeps.claims import Claims

# A worker of its own process: takes a trial and says so, and lives until it is killed.
HOLDER = """
import sys, time
from pathlib import Path
from seqlab.sweeps.claims import Claims
claims = Claims(Path(sys.argv[1]))
with claims.deciding():
    print(claims.take(7), flush=True)
time.sleep(60)
"""
# Workers that take what they can get, and write down what they got.
TAKER = """
import sys
from pathlib import Path
from seqlab.sweeps.claims import Claims
claims = Claims(Path(sys.argv[1]))
for trial in range(40):
    with claims.deciding():
        if claims.take(trial):
            print(trial, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def workers(tmp_path):
    made = []

    def make(**options):
        made.append(Claims(tmp_path / "claims", **options))
        return made[-1]

    yield make
    for worker in made:
        worker.close()


def test_a_trial_is_taken_by_one_worker_until_it_is_released(workers):
    one, other = workers(), workers()
    assert one.take(3)
    assert not other.take(3)
    assert not one.take(3)
    assert other.take(4)
    one.release(3)
    assert other.take(3)


def test_the_trial_of_a_killed_worker_can_be_taken_at_once(workers, tmp_path):
    worker = workers()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "claims")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline() == "True\n"
        assert worker.attempts(7) is None
        assert not worker.take(7)
        process.kill()
        process.wait()
    assert worker.attempts(7) == 1
    assert worker.take(7)
    worker.release(7)
    assert worker.attempts(7) == 0


def test_processes_that_grab_at_once_share_the_trials_without_a_repetition(tmp_path):
    command = [sys.executable, "-c", TAKER, str(tmp_path / "claims")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    # None ends before all have had their turn, as the dead lose what they have taken.
    deadline = time.monotonic() + 60
    claims = tmp_path / "claims"
    while len(list(claims.glob("*.alive"))) < 3 or len(list(claims.glob("*.json"))) < 40:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)
    taken = [int(line) for process in processes for line in process.communicate("")[0].split()]
    assert sorted(taken) == list(range(40))


@pytest.fixture
def far(workers, monkeypatch):
    """A worker of another machine."""
    worker = workers()
    monkeypatch.setattr(worker, "_boot", "another machine")
    return worker


def test_a_worker_of_another_machine_lives_as_long_as_it_beats(workers, far, tmp_path):
    worker = workers(lease_seconds=30.0)
    assert far.take(1)
    claim = tmp_path / "claims" / "0001.json"
    before = time.time() - 100
    os.utime(claim, (before, before))
    assert far.beat()
    assert not worker.take(1)
    os.utime(claim, (before, before))
    assert worker.attempts(1) == 1
    assert worker.take(1)
    # The one that was given up for dead learns of it, and takes nothing away when it lets go.
    assert not far.beat()
    far.release(1)
    assert worker.beat()


def test_beats_go_on_while_the_worker_is_busy_and_say_when_a_claim_is_lost(workers, far):
    worker = workers(lease_seconds=0.0)
    lost = threading.Event()
    assert far.take(1)
    with far.beating(0.01, lost):
        assert not lost.wait(0.1)
        with worker.deciding():
            assert worker.take(1)
        assert lost.wait(10.0)
