"""What a run would do, without doing it: shapes, parameters, steps, memory and time.

    python -m experiments.run --flagfile=F --dry_run

Flags and data are checked as a run checks them, the training step is compiled, and run a few times on a state that is
thrown away. Nothing is trained and nothing is written, but for data that have to be downloaded first.

Memory is what XLA says of the compiled program: the state of training, a chunk of batches, and what it needs besides
(activations that wait for the backward pass, gradients). On a GPU it is that of the device; on a CPU the process has
libraries and data besides. Time is that of the measured steps and of one measured batch of an evaluation.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

if TYPE_CHECKING:
    import optax

    from seqlab.data.batch import Batch
    from seqlab.tasks.base import Hyper, Task
    from seqlab.train import TrainConfig

flags.DEFINE_boolean("dry_run", False, "Check flags and data, estimate memory and time, train and write nothing.")

MEASURED_SECONDS = 1.5
# Of how many batches of an epoch the shapes are looked at, where they have several.
LOOKED_AT = 200


class Estimate(NamedTuple):
    """What a run would take.

    Attributes:
        batch: a training batch, the largest where they have several shapes.
        parameters: number of parameters.
        units: what an epoch has of the task's unit: tokens, say.
        state_bytes: of params, optimizer state, and carry, by name.
        batch_bytes: of the batches of a chunk.
        work_bytes: what the compiled program needs besides.
        compile_seconds: to compile a chunk of training steps.
        step_seconds: for a training step.
        evaluation_seconds: for a pass over the validation split.
    """

    batch: "Batch"
    parameters: int
    units: float
    state_bytes: dict[str, int]
    batch_bytes: int
    work_bytes: int
    compile_seconds: float
    step_seconds: float
    evaluation_seconds: float

    @property
    def memory(self) -> int:
        """All bytes together."""
        return sum(self.state_bytes.values()) + self.batch_bytes + self.work_bytes


def estimate(
    task: "Task", transformation: "optax.GradientTransformation", config: "TrainConfig", hyper: "Hyper"
) -> Estimate:
    """Compiles and measures a few steps of a run."""
    import jax
    import numpy as np

    from seqlab.core.trees import count_parameters
    from seqlab.data.batch import RaggedBatches
    from seqlab.train.state import initial_state
    from seqlab.train.step import chunk_of, make_train_step

    train = task.splits.train
    ragged = isinstance(train, RaggedBatches)
    looked_at = min(train.batches_per_epoch, LOOKED_AT if ragged else 1)
    batches = [train.batch(step * train.batches_per_epoch // looked_at) for step in range(looked_at)]
    largest = max(batches, key=_size)
    stack = jax.tree.map(lambda leaf: np.stack([leaf] * (1 if ragged else config.chunk_steps)), largest)
    state = jax.jit(lambda: initial_state(task, transformation, config.seed))()
    state_bytes = {"params": state.params, "optimizer state": state.opt_state, "carry": state.carry}
    state_bytes = {name: _bytes(tree) for name, tree in state_bytes.items()}

    chunk = chunk_of(make_train_step(task, transformation, hyper))
    started = time.perf_counter()
    run_chunk = jax.jit(chunk, donate_argnums=0).lower(state, stack).compile()
    compile_seconds = time.perf_counter() - started
    needs: Any = run_chunk.memory_analysis()
    state, info = jax.block_until_ready(run_chunk(state, stack))
    weight = float(np.mean(info.metrics["loss"].weight))

    def train_chunk() -> None:
        nonlocal state
        state, _ = jax.block_until_ready(run_chunk(state, stack))

    size = len(jax.tree.leaves(stack)[0])
    share = float(np.mean([_size(batch) for batch in batches])) / _size(largest)
    seconds = _measured(train_chunk) / size * share
    return Estimate(
        batch=largest,
        parameters=count_parameters(state.params),
        units=weight * share * train.batches_per_epoch,
        state_bytes=state_bytes,
        batch_bytes=_bytes(stack),
        work_bytes=int(needs.temp_size_in_bytes + needs.output_size_in_bytes - needs.alias_size_in_bytes),
        compile_seconds=compile_seconds * (train.num_shapes if isinstance(train, RaggedBatches) else 1),
        step_seconds=seconds,
        evaluation_seconds=_evaluation_seconds(task, state.params),
    )


def _evaluation_seconds(task: "Task", params: Any) -> float:
    import jax

    split = task.splits.validation
    middle = split.batch(split.batches_per_epoch // 2)
    carry = task.initial_carry(task.batch_sizes["validation"])
    evaluate = jax.jit(task.evaluate).lower(params, carry, middle).compile()
    return _measured(lambda: jax.block_until_ready(evaluate(params, carry, middle))) * split.batches_per_epoch


def _measured(call: Callable[[], Any]) -> float:
    """Seconds of a call: the median of those that `MEASURED_SECONDS` have room for."""
    taken: list[float] = []
    while not taken or (sum(taken) < MEASURED_SECONDS and len(taken) < 20):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return sorted(taken)[len(taken) // 2]


def _size(batch: Any) -> int:
    return batch.inputs.size if hasattr(batch.inputs, "size") else 1


def _bytes(tree: Any) -> int:
    import jax
    import jax.numpy as jnp

    # Typed keys are no numpy arrays; they are a few bytes.
    leaves = [leaf for leaf in jax.tree.leaves(tree) if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)


def describe(task: "Task", description: str, config: "TrainConfig", found: Estimate) -> str:
    """The estimate as lines of text."""
    batch = found.batch._asdict()
    shapes = ", ".join(
        f"{name} {leaf.dtype}{list(leaf.shape)}" for name, leaf in batch.items() if hasattr(leaf, "dtype")
    )
    per_epoch = task.splits.train.batches_per_epoch
    num_evaluations = -(-config.num_steps // config.evaluate_every)
    training, evaluating = config.num_steps * found.step_seconds, num_evaluations * found.evaluation_seconds
    parts = {**found.state_bytes, "batches": found.batch_bytes, "activations and gradients": found.work_bytes}
    memory = ", ".join(f"{name} {_megabytes(number)}" for name, number in parts.items() if number)
    rows = {
        "data": description,
        "batch": shapes,
        "parameters": f"{found.parameters:,}",
        f"{task.unit} an epoch": f"{found.units:,.0f}, in {per_epoch:,} batches",
        "steps": f"{config.num_steps:,}, with an evaluation and a checkpoint every {config.evaluate_every:,}",
        "memory": f"{_megabytes(found.memory)}: {memory}",
        "time": f"{_duration(found.compile_seconds + training + evaluating)}: {_duration(found.compile_seconds)} to "
        f"compile, {_duration(training)} to train ({1e3 * found.step_seconds:.3g} ms a step), "
        f"{_duration(evaluating)} to evaluate",
    }
    return "\n".join(f"{name:<22}{text}" for name, text in rows.items())


def _megabytes(number: int) -> str:
    return f"{number / 1e6:,.1f} MB" if number < 1e9 else f"{number / 1e9:,.1f} GB"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
