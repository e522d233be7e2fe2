"""What a trained tagger can be asked, from flags: the tags and the entities of each line of words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from experiments.from_flags import tagging_config
from experiments.predict_text import Predictor
from seqlab.core.array_types import Array
from seqlab.tasks.tagging import decode, init_params, make_model
from seqlab.tasks.tagging_data import Lexicon
from seqlab.tasks.tagging_prediction import tag_lines
from seqlab.train import Checkpoints


def tagging_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """One mode, ``tag``: the most probable legal tags."""
    del asked
    lexicon = Lexicon.load(folder)
    model = make_model(tagging_config(run), lexicon)
    params = checkpoints.best_params(lambda key: init_params(model, lexicon, key))
    compiled = jax.jit(lambda *arrays: decode(model, lexicon, *arrays))

    def run_decode(inputs: Array, lengths: Array) -> Array:
        return compiled(params, inputs, lengths)

    def tag(lines: Sequence[str]) -> list[dict[str, Any]]:
        return tag_lines(run_decode, lexicon, lines, model.char_encoder != "none")

    return {"tag": tag}
