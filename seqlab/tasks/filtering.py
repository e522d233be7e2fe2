"""Filtering: from noisy observations of a system so far, where its state is now.

Loss and score: the mean squared error (``mse``) over all states and steps, against the true states, which a simulation
knows. Beside it stand the Kalman filter, which no estimate can beat on average where the system is linear (of the
pendulum the *extended* one, which can be beaten), and the prior mean, which looks at nothing. Both filters are told the
system's equations and noise; the network has to learn them. ``over_kalman`` is its error over the filter's.

Where observations are missing (``missing_rate``) the network reads what was last seen, whether it was seen at this very
step, and the logarithm of one more than the steps since then, as in Che et al., 2018; the filters predict and do not
update. Any cell may read these inputs; ``gru_d`` lets what it was given decay by them.

References:
    Che et al., Recurrent neural networks for multivariate time series with missing values, 2018.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Key, Params
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.batch import Batch, Batches, Splits
from seqlab.data.series_windows import with_gaps
from seqlab.data.splits import HELD_OUT
from seqlab.losses import WeightedSum, squared_error
from seqlab.metrics import Mean
from seqlab.metrics.accumulate import Metrics
from seqlab.models.aligned_regression import AlignedRegression
from seqlab.tasks.base import Compile, Task
from seqlab.tasks.filtered_systems import SYSTEMS, Estimates, System
from seqlab.tasks.whole_sequences import Apply, Problem, SequenceConfig, apply_with, generated, json_lists
from seqlab.tasks.whole_sequences import make_task as task_of_problem

NUM_SHOWN, NUM_PICTURES = 3, 3
# Batches of training whose mean is the prior's.
NUM_PRIOR = 32


@dataclass(frozen=True)
class FilteringConfig(SequenceConfig):
    """A filter that is learned.

    Attributes:
        system: a name in ``seqlab.tasks.filtered_systems.SYSTEMS``.
        missing_rate: share of observations that are missing, in [0, 1).
    """

    system: str = "linear"
    missing_rate: float = 0.0


def system_batch(rng: np.random.Generator, batch_size: int, config: FilteringConfig) -> Batch:
    """Draws sequences of a system; inputs [B, T, O], or [B, T, 3 O] where observations may be missing.

    >>> batch = system_batch(np.random.default_rng(0), 4, FilteringConfig(sequence_length=9, missing_rate=0.5))
    >>> batch.inputs.shape, batch.targets.shape
    ((4, 9, 3), (4, 9, 2))
    """
    targets, observations = SYSTEMS[config.system].simulate(rng, batch_size, config.sequence_length)
    if config.missing_rate:
        missing = rng.random(observations.shape[:2]) < config.missing_rate
        observations = _gap_inputs(np.where(missing[..., None], np.nan, observations))
    return Batch(observations.astype(np.float32), targets.astype(np.float32))


def _gap_inputs(observations: np.ndarray) -> np.ndarray:
    last, seen, since = np.split(with_gaps(observations), 3, axis=-1)
    return np.concatenate([last, seen, np.log1p(since)], axis=-1)


def make_problem(config: FilteringConfig) -> Problem:
    """The problem of a system.

    Raises:
        SeqlabError: an unknown system, or a rate outside [0, 1).
    """
    if config.system not in SYSTEMS:
        raise unknown_name("system", config.system, SYSTEMS)
    if not 0 <= config.missing_rate < 1:
        raise SeqlabError(f"missing_rate must lie in [0, 1); got {config.missing_rate}.")
    system = SYSTEMS[config.system]
    splits = generated(lambda rng, rows: system_batch(rng, rows, config), config)
    return Problem(
        name="filtering",
        config=config,
        model=AlignedRegression(len(system.states), config.recurrent, input_blocks=3 if config.missing_rate else 1),
        splits=splits,
        loss=_loss,
        measure=lambda answer, batch: _measure(answer, batch, system),
        baselines=cache(lambda: _baselines(system, splits)),
        examples=_examples,
        answer=lambda apply, lines: _answer(config, apply, lines),
        headline="mse",
    )


def make_task(config: FilteringConfig) -> Task:
    """The task of a system; it ends with the error over that of the filter."""
    problem = make_problem(config)
    task = task_of_problem(problem)
    system = SYSTEMS[config.system]

    def finish(params: Params, folder: Path, jit: Compile) -> dict[str, dict[str, Any]]:
        evaluate, params = jit(task.evaluate), jax.tree.map(jnp.asarray, params)
        _write_pictures(problem, system, params, folder / "predictions" / "filtered.json", jit)
        ratios: dict[str, dict[str, Any]] = {}
        for name, optimum in task.baselines()[system.filter_name].items():
            split = getattr(problem.splits, name)
            batches = (evaluate(params, (), split.batch(step))[0]["mse"] for step in range(split.batches_per_epoch))
            ratios[name] = {"over_kalman": float(np.mean([mean.compute() for mean in batches])) / optimum["mse"]}
        return ratios

    def show(params: Params, key: Key) -> str:
        del key
        params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        batch = jax.tree.map(lambda rows: rows[:NUM_SHOWN], problem.splits.validation.batch(0))
        found = apply_with(problem, params)(jnp.asarray(batch.inputs), None)[:, -1]
        return "".join(
            f"{name:<12} in the end {truth:6.2f}, estimated {estimate:6.2f}\n"
            for truths, estimates in zip(batch.targets[:, -1].tolist(), found.tolist(), strict=True)
            for name, truth, estimate in zip(system.states, truths, estimates, strict=True)
        )

    return task._replace(finish=finish, show=show)


def _loss(answer: Array, batch: Batch, label_smoothing: Any) -> WeightedSum:
    del label_smoothing
    return squared_error(answer, batch.targets)


def _measure(answer: Array, batch: Batch, system: System) -> Metrics:
    each = {
        f"mse_{name}": Mean(*squared_error(answer[..., place], batch.targets[..., place]))
        for place, name in enumerate(system.states)
    }
    return {"mse": Mean(*squared_error(answer, batch.targets)), **each}


def _baselines(system: System, splits: Splits) -> dict[str, dict[str, Any]]:
    scores: dict[str, dict[str, Any]] = {system.filter_name: {}, "prior mean": {}}
    prior = np.mean([splits.train.batch(step).targets.mean(axis=(0, 1)) for step in range(NUM_PRIOR)], axis=0)
    for name in HELD_OUT:
        batch = _whole(getattr(splits, name))
        estimates = np.asarray(_filtered(system, batch).mean)
        for model, made in ((system.filter_name, estimates), ("prior mean", prior)):
            squares = np.square(made.astype(np.float64) - batch.targets)
            each = {f"mse_{state}": float(squares[..., place].mean()) for place, state in enumerate(system.states)}
            scores[model][name] = {"loss": float(squares.mean()), "mse": float(squares.mean()), **each}
    return scores


def _filtered(system: System, batch: Batch) -> Estimates:
    """What the system's filter knows at each step [B, T, D]."""
    return jax.vmap(system.filter)(jnp.asarray(batch.inputs[..., :1]), jnp.asarray(_seen(batch.inputs)))


def _seen(inputs: np.ndarray) -> np.ndarray:
    """Which steps [..., T] of inputs [..., T, F] were observed: all, where there are no gaps."""
    return inputs[..., 1] > 0 if inputs.shape[-1] > 1 else np.ones(inputs.shape[:-1], bool)


def _write_pictures(problem: Problem, system: System, params: Params, target: Path, jit: Compile) -> None:
    """Writes the first test sequences for pictures: states, observations, and the estimates of network and filter."""
    batch = problem.splits.test.batch(0)
    batch = batch._replace(inputs=batch.inputs[:NUM_PICTURES], targets=batch.targets[:NUM_PICTURES])
    filtered, seen = _filtered(system, batch), _seen(batch.inputs)
    found = jit(apply_with(problem, params))(jnp.asarray(batch.inputs), None)
    arrays = {
        "truth": batch.targets,
        "estimate": found,
        "filter": filtered.mean,
        "filter_deviation": filtered.deviation,
    }
    pictures = [
        {
            "states": system.states,
            "filter_name": system.filter_name,
            "observed": [
                round(float(value), 6) if is_seen else None
                for value, is_seen in zip(batch.inputs[row, :, 0], seen[row], strict=True)
            ],
            **{name: np.asarray(array[row], np.float64).round(6).tolist() for name, array in arrays.items()},
        }
        for row in range(len(batch.inputs))
    ]
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(pictures) + "\n", encoding="utf-8")


def _whole(split: Batches) -> Batch:
    batches = [split.batch(step) for step in range(split.batches_per_epoch)]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *batches)


def _examples(batch: Batch) -> list[tuple[str, str]]:
    rows = []
    for inputs, targets, seen in zip(batch.inputs, batch.targets, _seen(batch.inputs), strict=True):
        numbers = (f"{value:.2f}" if is_seen else "null" for value, is_seen in zip(inputs[:, 0], seen, strict=True))
        rows.append((f"[{', '.join(numbers)}]", f"{targets[-1].round(2).tolist()} in the end"))
    return rows


def _answer(config: FilteringConfig, apply: Apply, lines: Sequence[str]) -> list[dict[str, Any]]:
    expected = "a JSON list of observations, such as [0.3, -1.2, 0.9]" + (
        ", null for a missing one" if config.missing_rate else ""
    )
    names, answers = SYSTEMS[config.system].states, []
    for number, row in enumerate(json_lists(lines, expected), start=1):
        if row.ndim != 1 or not len(row) or not (np.isfinite(row) | np.isnan(row) * bool(config.missing_rate)).all():
            raise SeqlabError(f"line {number}: expected {expected}; got something else in {lines[number - 1][:80]!r}.")
        inputs = _gap_inputs(row[:, None]) if config.missing_rate else row[:, None]
        found = np.asarray(apply(jnp.asarray(inputs[None], jnp.float32), None)[0], np.float64)
        last = {name: float(value) for name, value in zip(names, found[-1], strict=True)}
        answers.append({"steps": len(row), "last": last, "estimates": found.round(4).tolist()})
    return answers
