"""Programs of ``resume_test``, for a process whose number of processors is set before jax is imported.

python tests/promises/resuming.py NUM_PROCESSORS cells TEXT FOLDER CELL ...    one line of JSON a cell
python tests/promises/resuming.py NUM_PROCESSORS repeats TEXT NUM_CALLS        one line of JSON
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


def prepared(*arguments: str) -> Any:
    """Task, optimizer, configuration and numbers of the loss of a run with these flags."""
    import copy

    from absl import flags

    from experiments import command_line, flag_definitions, from_flags
    from experiments.task_table import task_entry
    from seqlab.optim import make_optimizer

    values = copy.deepcopy(flags.FLAGS)
    assert values.get_flags_for_module(flag_definitions.__name__)
    values.unparse_flags()
    command_line.parse(["run", *arguments], values)
    entry = task_entry(values.task)
    task = entry.make(values, entry.load(values))
    config = from_flags.train_config(values, task)
    durations = {"steps_per_epoch": task.splits.train.batches_per_epoch, "total_steps": config.num_steps}
    optimizer = make_optimizer(from_flags.optimizer_config(values), **durations)
    return task, optimizer, config, from_flags.hyper(values)


def differences(folder: Path, cell: str, text: str) -> list[str]:
    """What differs between a run in one piece and one that was stopped in mid-epoch, at its end and across two."""
    from seqlab.core.trees import named_leaves
    from seqlab.train import Checkpoints, fit
    from tests.experiments.launching import TINY
    from tests.train.toys import Recorder, stop_after, to_numpy

    # Evaluations at 4, 8 and 12; an epoch has 6 steps; a chunk 2. Stops after 2, 6, 10 and then to the end.
    given = prepared(f"--dataset=text:{text}", *TINY, f"--cell={cell}")
    fitted, records = [], []
    for name, stops in [("whole", []), ("stopped", [1, 2, 2])]:
        recorder, checkpoints = Recorder(), Checkpoints(folder / name)
        options = {"checkpoints": checkpoints, "observers": [recorder]}
        for stop in stops:
            assert fit(*given, should_stop=stop_after(stop), **options).status == "interrupted"
        fitted.append(fit(*given, **options))
        records.append(recorder.records)
    whole, stopped = (named_leaves(to_numpy((run.state, run.best_params, run.best))) for run in fitted)
    found = [name for name in whole if bytes(whole[name].tobytes()) != bytes(stopped[name].tobytes())]
    return found + (["records"] if records[0] != records[1] else [])


def different_calls(text: str, num_calls: int) -> int:
    """How many of so many calls of one compiled chunk of training steps give other bits than the first."""
    import jax

    from seqlab.train import chunk_of, initial_state, make_train_step, stack_batches
    from tests.train.toys import to_numpy

    task, optimizer, _, hyper = prepared(
        f"--dataset=text:{text}", "--splits=0.8,0.1,0.1", "--batch_size=32", "--window_size=32", "--hidden_size=128"
    )
    run_chunk = jax.jit(chunk_of(make_train_step(task, optimizer, hyper)))
    state, batches = initial_state(task, optimizer, 0), stack_batches(task, 0, 2)
    digests = []
    for _ in range(num_calls):
        leaves = jax.tree.leaves(to_numpy(run_chunk(state, batches)[0]))
        digests.append(hashlib.sha256(b"".join(leaf.tobytes() for leaf in leaves)).hexdigest())
    return sum(digest != digests[0] for digest in digests)


def main() -> None:
    """Does what the arguments say."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
    what, text, *rest = sys.argv[2:]
    if what == "cells":
        for cell in rest[1:]:
            print(json.dumps({"cell": cell, "differences": differences(Path(rest[0]) / cell, cell, text)}), flush=True)
    else:
        print(json.dumps({"calls": int(rest[0]), "different": different_calls(text, int(rest[0]))}))


if __name__ == "__main__":
    sys.path[:0] = [str(REPOSITORY)]
    main()
