"""What a model of generated sequences can be asked, from flags: the answer to each line of the input."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from experiments.from_flags import sequence_config
from experiments.predict_text import Predictor
from seqlab.core.array_types import Array
from seqlab.tasks.table import make_problem
from seqlab.tasks.whole_sequences import Problem, apply_with, init_params
from seqlab.train import Checkpoints


def sequence_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """One mode, ``answer``; the problem says what a line holds."""
    del folder, asked
    return problem_predictors(make_problem(run.task, sequence_config(run)), checkpoints)


def problem_predictors(problem: Problem, checkpoints: Checkpoints) -> Mapping[str, Predictor]:
    """The same, of a problem that is made."""
    params = checkpoints.best_params(lambda key: init_params(problem, key))
    compiled = jax.jit(lambda params, inputs, lengths: apply_with(problem, params)(inputs, lengths))

    def apply(inputs: Array, lengths: Array | None) -> Any:
        return compiled(params, inputs, lengths)

    def answer(lines: Sequence[str]) -> list[dict[str, Any]]:
        return problem.answer(apply, lines)

    return {"answer": answer}
