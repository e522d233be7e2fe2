"""What a trained classifier of texts can be asked, from flags: the label of each line of the input."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from experiments.from_flags import classification_config
from experiments.predict_text import Predictor
from seqlab.core.array_types import Array
from seqlab.tasks.classification_data import TextReader
from seqlab.tasks.classification_prediction import apply_with, classify
from seqlab.tasks.decision import load_decision
from seqlab.tasks.text_classification import init_params, make_model
from seqlab.train import Checkpoints


def classification_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """One mode, ``classify``: label, probabilities, and how much of each word is in the answer.

    Of two labels, the one that is called is decided by the threshold that the run chose on validation.
    """
    del asked
    config = classification_config(run)
    reader = TextReader.load(folder, config.tokens, config.max_length)
    model = make_model(config, reader)
    params = checkpoints.best_params(lambda key: init_params(model, key))
    threshold = load_decision(folder, "threshold")
    compiled = jax.jit(lambda params, inputs, lengths: apply_with(model, params)(inputs, lengths))

    def apply(inputs: Array, lengths: Array) -> Any:
        return compiled(params, inputs, lengths)

    def answer(lines: Sequence[str]) -> list[dict[str, Any]]:
        return classify(apply, lines, reader, threshold)

    return {"classify": answer}
