"""What a trained transcription model can be asked, from flags: the words of each recording that the input names."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags

from experiments import run_folder
from experiments.from_flags import transcription_config
from experiments.predict_text import Predictor, load_text_model
from seqlab.core.errors import RunFolderError, SeqlabError
from seqlab.data.loaders.wav import read_wav
from seqlab.tasks.base import Task
from seqlab.tasks.text_prediction import TextModel
from seqlab.tasks.transcriber import Transcriber, Transcript
from seqlab.tasks.transcription import init_params, make_model, make_search, make_task
from seqlab.tasks.transcription_data import SpeechReader
from seqlab.train import Checkpoints

# What a prediction may choose anew.
SEARCH_FLAGS = ("beam_width", "language_model", "language_model_weight", "label_bonus")


def make_transcription_task(values: flags.FlagValues, data: Any) -> Task:
    """The task that the flags declare, with the language model that they name."""
    config = transcription_config(values)
    return make_task(config, data, language_model_of(values.language_model, config.tokens))


def language_model_of(run_dir: str, tokens: str) -> TextModel | None:
    """The language model of a run; none where no folder is named.

    Raises:
        SeqlabError: no trained language model there, or one of other tokens.
    """
    if not run_dir:
        return None
    folder = Path(run_dir).expanduser()
    try:
        run = run_folder.read_values(folder)
    except RunFolderError as error:
        raise SeqlabError(f"--language_model={run_dir}: expected the folder of a run, found none.") from error
    if run.task != "language_model" or run.tokens != tokens:
        raise SeqlabError(
            f"--language_model={run_dir}: expected a language_model with --tokens={tokens}, as the transcripts have; "
            f"found a {run.task} with --tokens={run.tokens}."
        )
    checkpoints = Checkpoints(folder / "checkpoints")
    if not checkpoints.steps():
        raise SeqlabError(f"--language_model={run_dir}: the run has no checkpoint yet. Train it first.")
    return load_text_model(run, folder, checkpoints)


def transcription_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """Two modes: ``transcribe`` by prefix beam search, ``greedy`` by the most probable path.

    A line is the path of a WAV file. The search is that which the run was scored with, unless it is asked for.
    """
    for name in SEARCH_FLAGS:
        if asked[name].present:
            setattr(run, name, getattr(asked, name))
    config = transcription_config(run)
    reader = SpeechReader.load(folder, config.audio, config.tokens, config.convolution)
    model = make_model(config, reader)
    params = checkpoints.best_params(lambda key: init_params(model, reader, key))
    transcriber = Transcriber(model, params, reader, jax.jit, batch_size=1)
    search = make_search(config, reader, language_model_of(run.language_model, config.tokens))

    def answer(lines: Sequence[str], find: Callable[[np.ndarray], Transcript]) -> list[dict[str, Any]]:
        paths = [_path(line, number) for number, line in enumerate(lines, start=1)]
        answers = []
        for path, log_probs in zip(
            paths, transcriber.log_probs([_features(reader, path) for path in paths]), strict=True
        ):
            found = find(log_probs)
            words = [said._asdict() for said in transcriber.words(log_probs, found.labelling.labels)]
            answers.append(
                {"recording": path, "transcript": found.text, "log_probability": found.log_probability, "words": words}
            )
        return answers

    return {
        "transcribe": lambda lines: answer(lines, lambda log_probs: transcriber.search(log_probs, search)),
        "greedy": lambda lines: answer(lines, transcriber.greedy),
    }


def _path(line: str, number: int) -> str:
    if not line.strip():
        raise SeqlabError(f"line {number}: expected the path of a WAV file, found nothing.")
    return line.strip()


def _features(reader: SpeechReader, path: str) -> np.ndarray:
    return reader.features(read_wav(Path(path).expanduser()))
