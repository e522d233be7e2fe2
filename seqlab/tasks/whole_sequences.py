"""Tasks whose rows stand alone: each is a whole sequence, read from an empty state.

Such a task is a model, its splits, and what to measure of the model's answer. ``Problem`` holds these; ``make_task``
makes the task of them, with no carry from batch to batch.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Key, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.keys import for_purpose
from seqlab.data.batch import Batch, Splits
from seqlab.data.synthetic.generated import MakeBatch, generated_splits
from seqlab.layers.config import RecurrentConfig
from seqlab.losses import WeightedSum
from seqlab.metrics import Mean
from seqlab.metrics.accumulate import Metrics
from seqlab.tasks.base import Hyper, Loss, Task

NUM_SHOWN, SHOWN_WIDTH = 4, 100


@dataclass(frozen=True)
class SequenceConfig:
    """A model of generated sequences, and how many of them.

    Attributes:
        sequence_length: steps of a sequence, or of the wait in it; each problem says which.
        embedding_size: width of the embedding of symbols and words.
        recurrent: the recurrent layers.
        batch_size: rows of a training batch.
        eval_batch_size: rows of a batch in evaluation.
        seed: of the training rows.
    """

    sequence_length: int = 100
    embedding_size: int = 64
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    batch_size: int = 32
    eval_batch_size: int = 32
    seed: int = 0


# Inputs, lengths or None -> what the model answers; the params are in it.
Apply = Callable[[Array, Array | None], Any]


class Problem(NamedTuple):
    """A task whose rows stand alone.

    Attributes:
        name: the name in the table of tasks.
        config: the sizes of its batches are here.
        model: takes inputs, ``lengths`` and the rates of ``Hyper.drop_rates``.
        splits: train, validation, test.
        loss: (model's answer, batch, label smoothing) -> (weighted sum, weight).
        measure: (model's answer, batch) -> metrics besides the loss.
        baselines: () -> scores of the simplest models by name, each with ``validation`` and ``test``.
        examples: batch -> (line as a user would write it, right answer) of each row, for a reader.
        answer: (apply, lines) -> an answer to each line, ready for JSON.
        headline: the score to print, one of ``measure``.
        artifacts: file name -> how to write it.
    """

    name: str
    config: SequenceConfig
    model: nn.Module
    splits: Splits
    loss: Callable[[Any, Batch, Any], WeightedSum]
    measure: Callable[[Any, Batch], Metrics]
    baselines: Callable[[], dict[str, dict[str, Any]]]
    examples: Callable[[Batch], list[tuple[str, str]]]
    answer: Callable[[Apply, Sequence[str]], list[dict[str, Any]]]
    headline: str
    artifacts: Mapping[str, Callable[[Path], None]] = {}


def init_params(problem: Problem, key: Key) -> Params:
    """The model's params before training."""
    inputs = jnp.asarray(problem.splits.train.batch(0).inputs[:1])
    params = problem.model.init(key, inputs)["params"]
    return problem.config.recurrent.start_gates(params, for_purpose(key, "gates"))


def apply_with(problem: Problem, params: Params) -> Apply:
    """The model with these params, without dropout."""
    return lambda inputs, lengths: problem.model.apply({"params": params}, inputs, lengths=lengths)


def make_task(problem: Problem) -> Task:
    """The task of a problem."""

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        batch = jax.tree.map(jnp.asarray, batch)
        rngs = {"dropout": for_purpose(key, "dropout")}
        options: dict[str, Any] = {"lengths": batch.lengths, "rngs": rngs, **hyper.drop_rates()}
        answer = problem.model.apply({"params": params}, batch.inputs, **options)
        total, weight = problem.loss(answer, batch, hyper.label_smoothing)
        headline = {problem.headline: problem.measure(answer, batch)[problem.headline]}
        return Loss(total, weight, carry, {"loss": Mean(total, weight), **headline})

    def evaluate(params: Params, carry: Any, batch: Batch) -> tuple[Metrics, Any]:
        batch = jax.tree.map(jnp.asarray, batch)
        answer = apply_with(problem, params)(batch.inputs, batch.lengths)
        return {"loss": Mean(*problem.loss(answer, batch, 0.0)), **problem.measure(answer, batch)}, carry

    def show(params: Params, key: Key) -> str:
        del key
        params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        first = jax.tree.map(lambda rows: rows[:NUM_SHOWN], problem.splits.validation.batch(0))
        examples = problem.examples(first)
        answers = problem.answer(apply_with(problem, params), [line for line, _ in examples])
        return "".join(
            f"{_shortened(line)}\n  expected {expected}, got {json.dumps(answer)}\n"
            for (line, expected), answer in zip(examples, answers, strict=True)
        )

    return Task(
        name=problem.name,
        splits=problem.splits,
        init=lambda key: init_params(problem, key),
        initial_carry=lambda batch_size: (),
        loss=loss,
        evaluate=evaluate,
        batch_sizes={
            "train": problem.config.batch_size,
            "validation": problem.config.eval_batch_size,
            "test": problem.config.eval_batch_size,
        },
        scores=dict,
        baselines=problem.baselines,
        artifacts=problem.artifacts,
        show=show,
        headline=problem.headline,
        unit="sequences",
    )


def generated(make: MakeBatch, config: SequenceConfig) -> Splits:
    """The splits of a generator of batches, in the sizes of ``config``."""
    sizes = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size}
    return generated_splits(make, **sizes, seed=config.seed)


def json_lists(lines: Sequence[str], expected: str) -> list[np.ndarray]:
    """Lines of JSON, each a list of numbers or of lists of them, as arrays.

    Raises:
        SeqlabError: a line that is nothing of the kind; the message has its number and says what was ``expected``.
    """
    arrays = []
    for number, line in enumerate(lines, start=1):
        try:
            arrays.append(np.asarray(json.loads(line), np.float32))
        except (ValueError, TypeError, RecursionError, OverflowError):
            raise SeqlabError(f"line {number}: expected {expected}; got {_shortened(line)!r}.") from None
    return arrays


def _shortened(line: str) -> str:
    return line if len(line) <= SHOWN_WIDTH else line[: SHOWN_WIDTH - 4] + " ..."
