"""A process that has imported everything, and forks a run of experiments.run each time it is told to.

A run starts at once that way, so that many can be killed. The process is tied to one processor, which makes XLA use one
thread, and touches no device itself, as a forked copy of one would not work.

    python tests/promises/forking.py    reads orders as lines of JSON, answers with a process id, then with how it ended
"""

import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
# Compiling is most of what a tiny run does; see tests/conftest.py.
QUICK_TO_COMPILE = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"


class Forking:
    """Starts runs by such a process; a context manager."""

    def __init__(self, programs: Path, num_processors: int = 1) -> None:
        """``programs`` is the folder of compiled programs that runs share."""
        environment = {
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": QUICK_TO_COMPILE,
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "true",
            "JAX_COMPILATION_CACHE_DIR": str(programs),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "PYTHONPATH": str(REPOSITORY),
            "NUM_PROCESSORS": str(num_processors),
        }
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=REPOSITORY,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: Any, log: Path, saved: Path, **order: Any) -> int:
        """Starts a run and gives its process id; its output goes to ``log``.

        Args:
            arguments: of experiments.run.
            log: where its output goes.
            saved: gets a line with the step for each checkpoint, once ``Checkpoints.save`` has returned.
            order: what changes with the first checkpoint: ``user``, a number to go on as; ``largest_file``, a limit in
                bytes.
        """
        words = {"arguments": [str(argument) for argument in arguments], "log": str(log), "saved": str(saved), **order}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return int(self._answer())

    def wait(self) -> int:
        """The status that the run ended with, or the signal that ended it as a negative number."""
        return int(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def __enter__(self) -> "Forking":
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)


def _run(order: dict[str, Any]) -> None:
    from absl import flags

    from experiments import command_line, run
    from seqlab.train import Checkpoints

    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    saved = os.open(order["saved"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    # A process of its own writes the output, which no limit is meant to stop.
    writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
    assert writer.stdin is not None
    for number in (1, 2):
        os.dup2(writer.stdin.fileno(), number)
    save = Checkpoints.save

    def save_and_tell(self: Checkpoints, state: Any, best: Any) -> None:
        save(self, state, best)
        os.write(saved, f"{int(state.step)}\n".encode())
        if "largest_file" in order:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"], resource.RLIM_INFINITY))
        if "user" in order:
            os.seteuid(order["user"])

    Checkpoints.save = save_and_tell
    sys.argv = ["run", *order["arguments"]]
    flags.FLAGS.unparse_flags()
    command_line.run(run.main, sys.argv)


def main() -> None:
    """Imports what a run needs, then forks one for each line of the standard input."""
    import importlib

    for name in ["matplotlib.pyplot", "optax", "orbax.checkpoint", "tensorboardX", "experiments.run", "seqlab.train"]:
        importlib.import_module(name)
    for name in ["experiments.from_flags", "seqlab.tasks.language_model", "seqlab.report.plots"]:
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _run(order)
            except SystemExit as stop:
                status = int(stop.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(status)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, processors[-int(os.environ["NUM_PROCESSORS"]) :])
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
