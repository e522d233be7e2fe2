"""The training loop: chunks of steps, evaluation, checkpoints, early stopping.

Everything that happens is a function of the seed and the step: chunks are cut alike from the evaluation before,
evaluations and checkpoints come at fixed steps, so a resumed run repeats the uninterrupted one.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax
import numpy as np
import optax

from seqlab.core.array_types import Params
from seqlab.data.batch import Batch, RaggedBatches
from seqlab.metrics.accumulate import compute, sum_steps
from seqlab.tasks.base import Hyper, Task
from seqlab.train.checkpoint import Checkpoints
from seqlab.train.early_stopping import Best
from seqlab.train.evaluate import StoppedError, evaluate_split
from seqlab.train.guards import Fault, Watch
from seqlab.train.state import TrainState, initial_state
from seqlab.train.step import StepInfo, TrainStep, chunk_of, make_train_step


@dataclass(frozen=True)
class TrainConfig:
    """How long to train, and when to look.

    Attributes:
        num_steps: steps of training in all.
        evaluate_every: steps between evaluations on the validation split; each is followed by a checkpoint.
        chunk_steps: steps in one compiled call; what is left over before an evaluation is one more program.
        patience: evaluations in a row without improvement after which to stop; 0 for never.
        seed: of params, order and dropout.
        max_skipped_steps: steps whose loss or gradient is not finite that are left out before the run stops.
        debug_nans: whether the step that stops the run is run again to find the operation, which takes a while.
    """

    num_steps: int
    evaluate_every: int
    chunk_steps: int = 16
    patience: int = 0
    seed: int = 0
    max_skipped_steps: int = 0
    debug_nans: bool = False


@runtime_checkable
class Observer(Protocol):
    """Something that is told what happens: a file, a progress bar."""

    def record(self, step: int, split: str, scores: dict[str, float], pace: float | None = None) -> None:
        """Takes scores of a split at a step; ``pace`` is in units of the task a second, for training alone."""
        ...


@dataclass(frozen=True)
class Fitted:
    """What training gives.

    Attributes:
        status: ``complete`` (all steps, or stopped early), ``interrupted`` or ``diverged``.
        state: the last state.
        best: the best evaluation on the validation split.
        best_params: the params of that evaluation.
        diverged_step: the first step whose loss, gradient, update or evaluation was not finite, or -1.
        num_traces: how many programs of training steps were compiled: one for each shape of a stack of batches.
        fault: what was wrong with the step that stopped the run; ``None`` for an evaluation.
    """

    status: str
    state: TrainState
    best: Best
    best_params: Params
    diverged_step: int = -1
    num_traces: int = 0
    fault: Fault | None = None


def fit(
    task: Task,
    optimizer: optax.GradientTransformation,
    config: TrainConfig,
    hyper: Hyper = Hyper(),
    *,
    schedule: optax.Schedule | None = None,
    checkpoints: Checkpoints | None = None,
    observers: Sequence[Observer] = (),
    should_stop: Callable[[], bool] = lambda: False,
    warn: Callable[[str], None] = print,
) -> Fitted:
    """Trains a task, from its newest checkpoint where there is one.

    Args:
        task: what to learn.
        optimizer: an optax transformation that includes the learning rate.
        config: how long, and when to evaluate.
        hyper: numbers of the loss.
        schedule: step -> learning rate, only to report it.
        checkpoints: where to save and resume; ``None`` saves nothing.
        observers: are told of every chunk and evaluation.
        should_stop: asked before each chunk, and during an evaluation that takes long; a true answer saves a checkpoint
            and returns ``interrupted``. An evaluation that was cut short is made up when the run goes on.
        warn: is told of steps that were left out and of losses that jump, each with its batch.
    """
    state, best = jax.jit(lambda: initial_state(task, optimizer, config.seed))(), Best()
    best_params = state.params
    if checkpoints is not None and (saved := checkpoints.newest(state)) is not None:
        best_params, best = checkpoints.params_of_best(state.params, saved)
        state = saved.state
    # The best params must survive the donation of the state that they were once part of.
    best_params = jax.tree.map(np.array, best_params)
    train_step = make_train_step(task, optimizer, hyper, max_skipped_steps=config.max_skipped_steps)
    counted, num_traces = _count_calls(chunk_of(train_step))
    run_chunk = jax.jit(counted, donate_argnums=0)
    eval_step = jax.jit(task.evaluate)
    limits = {"max_skipped_steps": config.max_skipped_steps, "debug_nans": config.debug_nans}
    watch = Watch(task, hyper, **limits, num_skipped=int(state.num_skipped), warn=warn)

    def tell(split: str, scores: dict[str, float], pace: float | None = None) -> None:
        for observer in observers:
            observer.record(step, split, scores, pace)

    def ended(status: str, fault: Fault | None = None) -> Fitted:
        if status == "interrupted" and checkpoints is not None and step != saved_step:
            checkpoints.save(state, best)
        diverged_step = -1 if status != "diverged" else fault.step if fault else step
        return Fitted(status, state, best, best_params, diverged_step, num_traces(), fault)

    step = saved_step = int(state.step)
    while True:
        if _is_due(config, step) and best.last_step < step:
            try:
                scores = evaluate_split(task, eval_step, state.params, "validation", should_stop)
            except StoppedError:
                return ended("interrupted")
            if not math.isfinite(scores[task.selection]):
                return ended("diverged")
            tell("validation", scores)
            best = best.update(scores[task.selection], step)
            if best.step == step:
                best_params = jax.tree.map(np.array, state.params)
            if checkpoints is not None:
                checkpoints.save(state, best)
                saved_step = step
        if step >= config.num_steps or best.should_stop(config.patience):
            return ended("complete")
        if should_stop():
            return ended("interrupted")

        started = time.perf_counter()
        size = chunk_size(config, min(config.num_steps, _next_due(config, step)) - step)
        infos: list[StepInfo] = []
        for batches in stacks(task, step, size):
            state, info = run_chunk(state, batches)
            infos.append(info)
        info = jax.tree.map(lambda *parts: np.concatenate(parts), *jax.device_get(infos))
        if (fault := watch.check(state, step, info)) is not None:
            # Later steps were not applied: this is the state that the step began with, and the step's own number.
            state = state._replace(step=state.step - 1)
            return ended("diverged", fault)
        step += size
        if info.finite.any():
            scores, weight = summarise(task, info)
            if schedule is not None:
                scores["learning_rate"] = float(np.asarray(schedule(step - 1)))
            tell("train", scores, weight / (time.perf_counter() - started))


def _next_due(config: TrainConfig, step: int) -> int:
    return (step // config.evaluate_every + 1) * config.evaluate_every


def _is_due(config: TrainConfig, step: int) -> bool:
    """Whether an evaluation comes after so many steps."""
    return step > 0 and (step % config.evaluate_every == 0 or step >= config.num_steps)


def _count_calls(step: TrainStep) -> tuple[TrainStep, Callable[[], int]]:
    """The step, and how often it was called; compiled, it is called whenever it is traced."""
    calls: list[int] = []

    def run_chunk(state: TrainState, batches: Batch) -> tuple[TrainState, StepInfo]:
        calls.append(1)
        return step(state, batches)

    return run_chunk, lambda: len(calls)


def chunk_size(config: TrainConfig, steps_left: int) -> int:
    """The number of steps to run next, of which there are two: every size is compiled on its own.

    What is left over before the last evaluation may differ from what is before the others: pieces of their greatest
    common divisor make up both.
    """
    if steps_left >= config.chunk_steps:
        return config.chunk_steps
    before_each = min(config.evaluate_every, config.num_steps) % config.chunk_steps
    before_last = config.num_steps % config.evaluate_every % config.chunk_steps
    piece = math.gcd(before_each, before_last)
    # Steps left by a run with other chunks may be no multiple of it.
    return piece if piece and steps_left % piece == 0 else steps_left


def stacks(task: Task, step: int, size: int) -> Iterator[Batch]:
    """The training batches of ``size`` steps, as they are compiled: in one stack, or each alone where shapes differ.

    A stack for each run of equal shapes would have as many lengths as there are runs, and each is another program.
    """
    if not isinstance(task.splits.train, RaggedBatches):
        yield stack_batches(task, step, size)
        return
    for offset in range(size):
        yield stack_batches(task, step + offset, 1)


def stack_batches(task: Task, step: int, size: int) -> Batch:
    """The training batches of ``size`` steps from ``step`` on, stacked along a first axis [S, ...]."""
    batches = [task.splits.train.batch(step + offset) for offset in range(size)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *batches)


def summarise(task: Task, info: StepInfo) -> tuple[dict[str, float], float]:
    """Scores of the steps of a chunk that were applied, and the sum of their loss's weights."""
    total = sum_steps(jax.tree.map(lambda leaf: leaf[info.finite], info.metrics))
    skipped = {} if info.finite.all() else {"skipped_steps": float((~info.finite).sum())}
    scores = task.scores(compute(total)) | {"gradient_norm": float(info.gradient_norm[info.finite][-1])} | skipped
    return scores, float(total["loss"].weight)
