"""What the same seed gives again, in processes whose number of threads is set; see ``resuming``."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqlab.cells import CELLS
from tests.compilation_cache import environment
from tests.experiments.launching import write_text
from tests.promises.forking import QUICK_TO_COMPILE

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
NUM_CALLS = 200


def run_program(*arguments, folder, **more):
    env = {**os.environ, **environment(folder / "programs"), **more}
    program = str(Path(__file__).with_name("resuming.py"))
    done = subprocess.run([sys.executable, program, *map(str, arguments)], env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("{")]


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit_for_every_cell_on_one_thread(quick_folder):
    text = write_text(quick_folder / "resumed.txt")
    cells = sorted(CELLS.keys() - {"gru_d"})  # It reads values with gaps, and no text.
    found = run_program(
        1, "cells", text, quick_folder / "cells", *cells, folder=quick_folder, XLA_FLAGS=QUICK_TO_COMPILE
    )
    print(f"\n{len(found)} cells, 3 stops each, {sum(bool(row['differences']) for row in found)} with a difference")
    assert [row for row in found if row["differences"]] == []
    assert len(found) == len(cells)


def test_one_thread_repeats_its_bits_and_how_often_several_do_is_measured(quick_folder):
    text = write_text(quick_folder / "repeated.txt", 8000)
    # As users compile: without the settings that make tests quick.
    options = {"folder": quick_folder, "JAX_DISABLE_MOST_OPTIMIZATIONS": "false", "XLA_FLAGS": ""}
    (one,) = run_program(1, "repeats", text, NUM_CALLS, **options)
    several = len(os.sched_getaffinity(0))
    (many,) = run_program(several, "repeats", text, NUM_CALLS, **options)
    print(f"\nof {NUM_CALLS} calls {one['different']} differ on one thread, {many['different']} on {several}")
    assert one["different"] == 0


def resident(process):
    """The resident size of a process in MB."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def test_a_run_needs_no_more_memory_after_ten_thousand_steps_than_after_one_thousand(tiny, quick_folder):
    run = quick_folder / "long"
    command = [sys.executable, "-m", "experiments.run", *tiny, f"--run_dir={run}", "--chunk_steps=20"]
    command += ["--num_steps=11000", "--evaluate_every=100"]
    env = {**os.environ, **environment(quick_folder / "programs")}
    sizes = {}
    with subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=subprocess.DEVNULL) as process:
        for step in (1000, 10_000):
            while True:
                assert process.poll() is None
                lines = (run / "metrics.jsonl").read_text().splitlines() if (run / "metrics.jsonl").exists() else []
                if lines and lines[-1].endswith("}") and json.loads(lines[-1])["step"] >= step:
                    break
                time.sleep(0.05)
            sizes[step] = resident(process)
        process.kill()
    print(f"\nresident after 1,000 steps {sizes[1000]:.1f} MB, after 10,000 {sizes[10_000]:.1f} MB")
    assert sizes[10_000] < 1.05 * sizes[1000]
