"""Exports models that were never trained, and compares what the programs give with what the models give.

    python -m tests.experiments.exported FOLDER --task=NAME [--flag=value ...] [-- --task=...]

A process of its own: the checker of annotations that the tests run under takes a dimension of open size for no integer.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags

from experiments import command_line, run_folder
from experiments.export_program import EXPORTABLES, export_programs
from experiments.task_table import task_entry
from tests.experiments.launching import unparse_all

# The sums of a whole sequence and of its steps are in the order that each program was compiled to.
CLOSE: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-6}
SMALL = ["--hidden_size=5", "--embedding_size=4", "--batch_size=2", "--eval_batch_size=2"]


def exported(folder: Path, *arguments: str) -> Any:
    """The programs of a model that was never trained, and what they are to equal."""
    unparse_all()
    try:
        command_line.parse(["run", *SMALL, *arguments])
        values = flags.FLAGS
        entry = task_entry(values.task)
        task = entry.make(values, entry.load(values))
        run_folder.claim(folder / "run", values)
    finally:
        run = run_folder.read_values(folder / "run")
        unparse_all()
    for name, save in task.artifacts.items():
        save(folder / "run" / name)
    params = jax.tree.map(np.asarray, task.init(jax.random.key(0)))
    names = export_programs(folder / "program", folder / "run", run, params)
    loaded = runpy.run_path(str(folder / "program" / "load.py"))["programs"]
    assert sorted(loaded) == sorted(names)
    return EXPORTABLES[run.task](run, folder / "run"), params, loaded


def drawn(found: Any, num_rows: int, num_steps: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (num_rows, found.num_steps or num_steps, *found.trailing)
    if found.dtype == np.int32:
        return rng.integers(0, 2, shape).astype(np.int32)
    return rng.normal(size=shape).astype(np.float32)


def check(folder: Path, *arguments: str) -> None:
    """Whole sequences of two sizes, and the second one step by step."""
    found, params, programs = exported(folder, *arguments)
    for num_rows, num_steps in ((1, 4), (3, 7)):
        inputs = drawn(found, num_rows, num_steps)
        lengths = np.full(num_rows, inputs.shape[1], np.int32)
        controls = {} if found.num_steps else {"lengths": lengths}
        expected = found.model.apply({"params": params}, inputs, **controls)
        expected = expected[0] if isinstance(expected, tuple) else expected
        np.testing.assert_allclose(programs["sequence"](inputs, lengths), expected, **CLOSE)
    if found.not_a_step:
        assert set(programs) == {"sequence"}
        return
    state, answer = programs["start"](inputs[:, 0]), np.zeros(0)
    for position in range(inputs.shape[1]):
        answer, state = programs["step"](state, inputs[:, position])
        if expected.ndim == 3:
            np.testing.assert_allclose(answer, expected[:, position], **CLOSE)
    if expected.ndim == 2:
        np.testing.assert_allclose(answer, expected, **CLOSE)


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_disable_most_optimizations", True)
    text = "\n".join(sys.argv[2:])
    for number, arguments in enumerate(text.split("\n--\n")):
        check(Path(sys.argv[1]) / str(number), *arguments.split("\n"))
        print(arguments.split("\n"), "equal", flush=True)
