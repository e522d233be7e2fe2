"""What a trained classifier of sensors, pixels or DNA can be asked, from flags: the label of each line of the input."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from experiments.evidence import evidence_with
from experiments.from_flags import feature_config
from experiments.predict_text import Predictor
from seqlab.core.array_types import Array
from seqlab.tasks.classification_prediction import apply_with
from seqlab.tasks.decision import load_decision
from seqlab.tasks.feature_classification import init_params, make_model
from seqlab.tasks.feature_data import FeatureReader
from seqlab.tasks.feature_prediction import Evidence, classify
from seqlab.train import Checkpoints


def feature_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """Two modes: ``classify``; and ``explain``, which says besides how much each step spoke for the label.

    A line is a sequence of letters for ``dna``; for the others a list in JSON, of the numbers of each step.
    """
    del asked
    config = feature_config(run)
    shortest = config.convolution.shortest()
    reader = FeatureReader.load(folder, config.task, config.permute_pixels, shortest)
    model = make_model(config, reader)
    params = checkpoints.best_params(lambda key: init_params(model, reader, key))
    threshold = load_decision(folder, "threshold")
    compiled = jax.jit(lambda params, inputs, lengths: apply_with(model, params)(inputs, lengths))

    def apply(inputs: Array, lengths: Array) -> Any:
        return compiled(params, inputs, lengths)

    def answer(lines: Sequence[str], evidence: Evidence | None = None) -> list[dict[str, Any]]:
        sequences = [reader.parse(line, number) for number, line in enumerate(lines, start=1)]
        return classify(apply, sequences, reader, threshold, evidence)

    explain = evidence_with(model, reader, params, jax.jit)
    return {"classify": answer, "explain": lambda lines: answer(lines, explain)}
