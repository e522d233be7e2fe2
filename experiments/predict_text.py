"""What a trained language model can be asked, from flags."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from absl import flags

from experiments.from_flags import language_model_config
from seqlab.data.vocabulary import Vocabulary
from seqlab.tasks.language_model import VOCABULARY_FILE, init_params, make_model, tokenizer_named
from seqlab.tasks.text_prediction import TextModel, complete_texts, sample_texts, score_lines
from seqlab.train import Checkpoints

SAMPLE_TOKENS, COMPLETION_TOKENS, COMPLETION_BEAM = 200, 24, 32

# Lines of text -> an answer to each, to be printed as JSON.
Predictor = Callable[[Sequence[str]], list[dict[str, Any]]]


def load_text_model(run: flags.FlagValues, folder: Path, checkpoints: Checkpoints) -> TextModel:
    """The language model of a run, with its best params."""
    config = language_model_config(run)
    vocabulary = Vocabulary.load(folder / VOCABULARY_FILE)
    model = make_model(config, vocabulary)
    params = checkpoints.best_params(lambda key: init_params(model, key))
    return TextModel(model, params, vocabulary, tokenizer_named(config.tokens), compile=jax.jit)


def text_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """Sample, complete and score, by name."""
    config = language_model_config(run)
    text_model = load_text_model(run, folder, checkpoints)

    def sample(prompts: Sequence[str]) -> list[dict[str, Any]]:
        texts = sample_texts(
            text_model,
            prompts,
            jax.random.key(asked.seed),
            asked.num_tokens or SAMPLE_TOKENS,
            temperature=asked.temperature,
            top_k=asked.top_k,
            top_p=asked.top_p,
        )
        return [{"prompt": prompt, "sample": text} for prompt, text in zip(prompts, texts, strict=True)]

    def complete(prefixes: Sequence[str]) -> list[dict[str, Any]]:
        found = complete_texts(
            text_model,
            prefixes,
            num_best=asked.num_best,
            num_tokens=asked.num_tokens or (COMPLETION_TOKENS if config.tokens == "char" else 1),
            beam_width=asked.beam_width if asked["beam_width"].present else COMPLETION_BEAM,
            in_word=config.tokens == "word",
        )
        return [{"prompt": prefix, "completions": best} for prefix, best in zip(prefixes, found, strict=True)]

    def score(lines: Sequence[str]) -> list[dict[str, Any]]:
        return score_lines(text_model, lines)

    return {"sample": sample, "complete": complete, "score": score}
