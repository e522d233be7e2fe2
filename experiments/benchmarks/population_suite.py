"""Training many small models as one program, in model steps a second.

    adding problem, T = 100, a GRU of width H on batches of B rows; Adam with a clipped gradient; chunks of 20 steps

Members differ in seed and learning rate. A population of M takes M model steps a step; its pace is set against that of
one model after the other in the same process, whose pace does not depend on their number, and against processes of
their own, as many at a time as there are cores. A process starts, compiles, and trains for 500 steps; so does that of
the population.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax
import optax

from experiments.benchmarks import machine, timing
from seqlab.layers.config import RecurrentConfig
from seqlab.optim import OptimizerConfig, make_optimizer
from seqlab.sweeps.members import Member
from seqlab.sweeps.population import Population, fit_population
from seqlab.tasks import adding
from seqlab.tasks.whole_sequences import SequenceConfig, make_task
from seqlab.train import TrainConfig, chunk_of, fit, initial_state, make_train_step, stack_batches

ALONE = "one after the other"
PROCESS_STEPS = 500


@dataclass(frozen=True)
class PopulationConfig:
    """What is trained.

    Attributes:
        hidden_size: width H of the GRU.
        batch_size: rows B of a batch.
        sequence_length: time steps T.
        engine: a name in ``seqlab.engines.ENGINES``, or ``auto``.
        chunk_steps: steps in one compiled call.
    """

    hidden_size: int = 16
    batch_size: int = 8
    sequence_length: int = 100
    engine: str = "auto"
    chunk_steps: int = 20


SHAPES = ((16, 8), (32, 32))
SIZES = (1, 2, 4, 8, 16, 32, 64)


def measure(engines: Sequence[str], repeats: int) -> Iterator[dict[str, Any]]:
    """For each shape and engine: model steps a second of populations of ``SIZES``, and their ratio to one alone."""
    for hidden_size, batch_size in SHAPES:
        for engine in engines:
            config = PopulationConfig(hidden_size, batch_size, engine=engine)
            calls: dict[str, Callable[[], None]] = {ALONE: alone_call(config)}
            calls |= {str(size): population_call(config, size) for size in SIZES}
            seconds = {name: each.median for name, each in timing.interleave(calls, repeats).items()}
            steps = {name: config.chunk_steps * (1 if name == ALONE else int(name)) for name in seconds}
            pace = {name: steps[name] / seconds[name] for name in seconds}
            yield {
                "config": asdict(config),
                "model_steps_per_second": pace,
                "times_one_after_the_other": {name: pace[name] / pace[ALONE] for name in pace if name != ALONE},
            }


def measure_processes(engine: str, size: int = 32) -> dict[str, Any]:
    """Model steps a second of processes of one model each, and of one process of a population, start included."""
    (hidden_size, batch_size), *_ = SHAPES
    config = PopulationConfig(hidden_size, batch_size, engine=engine)
    cores = machine.num_threads()
    pace = {
        "separate": cores * PROCESS_STEPS / seconds_of_processes(config, 1, cores),
        "population": size * PROCESS_STEPS / seconds_of_processes(config, size, 1),
    }
    return {"engine": engine, "members": size, **pace, "ratio": pace["population"] / pace["separate"]}


def seconds_of_processes(config: PopulationConfig, size: int, processes: int) -> float:
    """How long so many processes take side by side, each of which trains a population of ``size``."""
    arguments = [str(size), str(config.hidden_size), str(config.batch_size), config.engine]
    command = [sys.executable, "-m", "experiments.benchmarks.population_suite", *arguments]
    started = time.perf_counter()
    running = [subprocess.Popen(command) for _ in range(processes)]
    for process in running:
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - started


def members(config: PopulationConfig, size: int) -> list[Member]:
    """Models that differ in seed, and so in their batches, and in learning rate."""

    def member(seed: int) -> Member:
        recurrent = RecurrentConfig("gru", config.hidden_size, engine=config.engine)
        sizes = {"recurrent": recurrent, "batch_size": config.batch_size}
        task = make_task(adding.make_problem(SequenceConfig(config.sequence_length, seed=seed, **sizes)))
        return Member(task, seed, OptimizerConfig("adam", 1e-3 * (1 + 0.01 * seed), clip_norm=1.0))

    return [member(seed) for seed in range(size)]


def optimizer_of(member: Member) -> optax.GradientTransformation:
    """The optimizer of its single run."""
    return make_optimizer(member.optimizer, steps_per_epoch=100, total_steps=PROCESS_STEPS)


def population_call(config: PopulationConfig, size: int) -> Callable[[], None]:
    """A chunk of steps of a population, batches and bookkeeping included."""
    population = Population(members(config, size), TrainConfig(10**9, 10**9, config.chunk_steps))
    step = 0

    def run() -> None:
        nonlocal step
        population.train(step, config.chunk_steps, ())
        step += config.chunk_steps

    return run


def alone_call(config: PopulationConfig) -> Callable[[], None]:
    """A chunk of steps of one model, as ``fit`` takes it."""
    (member,) = members(config, 1)
    optimizer = optimizer_of(member)
    state = jax.jit(lambda: initial_state(member.task, optimizer, 0))()
    compiled = jax.jit(chunk_of(make_train_step(member.task, optimizer, max_skipped_steps=0)), donate_argnums=0)
    step = 0

    def run() -> None:
        nonlocal state, step
        state, info = compiled(state, stack_batches(member.task, step, config.chunk_steps))
        jax.device_get(info)
        step += config.chunk_steps

    return run


def main(size: str, hidden_size: str, batch_size: str, engine: str) -> None:
    """A process of its own: trains so many models for 500 steps, with one evaluation at the end."""
    config = PopulationConfig(int(hidden_size), int(batch_size), engine=engine)
    duration = TrainConfig(PROCESS_STEPS, PROCESS_STEPS, config.chunk_steps)
    trained = members(config, int(size))
    if len(trained) > 1:
        fit_population(trained, duration)
    else:
        fit(trained[0].task, optimizer_of(trained[0]), duration)


if __name__ == "__main__":
    main(*sys.argv[1:])
