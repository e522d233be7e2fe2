"""What a trained translation model can be asked, from flags: the translation of each line of the input."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from experiments.from_flags import translation_config
from experiments.predict_text import Predictor
from seqlab.tasks.translation import init_params, make_model
from seqlab.tasks.translation_data import Languages
from seqlab.tasks.translator import Translator
from seqlab.train import Checkpoints


def translation_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """Two modes: ``translate`` by beam search, ``greedy`` by the most probable token at each step.

    Width and penalty are those that the run was scored with, unless they are asked for.
    """
    config = translation_config(run)
    languages = Languages.load(folder, config.tokens)
    model = make_model(config, languages)
    params = checkpoints.best_params(lambda key: init_params(model, key))
    translator = Translator(model, params, languages, jax.jit, config.eval_batch_size)
    given = {name: getattr(asked if asked[name].present else run, name) for name in ("beam_width", "length_penalty")}

    def answer(lines: Sequence[str], **search: Any) -> list[dict[str, Any]]:
        return [
            {
                "source": line,
                "translation": found.text,
                "log_probability": found.log_probability,
                "unknown": found.unknown,
            }
            for line, found in zip(lines, translator(lines, **search), strict=True)
        ]

    def by_beam_search(lines: Sequence[str]) -> list[dict[str, Any]]:
        return answer(lines, width=given["beam_width"], length_penalty=given["length_penalty"])

    return {"translate": by_beam_search, "greedy": lambda lines: answer(lines, width=1)}
