"""What a trained classifier of sensors, video, pixels, DNA or spoken words can be asked: a label for each line."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags

from experiments.evidence import evidence_with
from experiments.from_flags import audio_config, feature_config
from experiments.predict_text import Predictor
from seqlab.core.array_types import Array
from seqlab.core.errors import SeqlabError
from seqlab.data.audio_features import AudioConfig
from seqlab.data.loaders.frames import read_clips
from seqlab.data.loaders.wav import read_wav
from seqlab.tasks.classification_prediction import apply_with
from seqlab.tasks.decision import load_decision
from seqlab.tasks.feature_classification import init_params, make_model
from seqlab.tasks.feature_data import FeatureReader
from seqlab.tasks.feature_prediction import Evidence, classify
from seqlab.tasks.spoken_words import features_of
from seqlab.train import Checkpoints


def feature_predictors(
    run: flags.FlagValues, folder: Path, checkpoints: Checkpoints, asked: flags.FlagValues
) -> Mapping[str, Predictor]:
    """Two modes: ``classify``; and ``explain``, which says besides how much each step spoke for the label.

    A line is a sequence of letters for ``dna`` and the path of a WAV file for ``spoken_words``; of a model of videos it
    is a folder of images, or an npz file and behind a colon the number of its clip; for the others it is a list in
    JSON, of the numbers of each step.
    """
    del asked
    config = feature_config(run)
    shortest = config.convolution.shortest()
    reader = FeatureReader.load(folder, config.task, config.permute_pixels, shortest)
    model = make_model(config, reader)
    params = checkpoints.best_params(lambda key: init_params(model, reader, key))
    parse = (
        partial(_heard, audio_config(run)) if config.task == "spoken_words" else _seen if reader.space else reader.parse
    )
    threshold = load_decision(folder, "threshold")
    compiled = jax.jit(lambda params, inputs, lengths: apply_with(model, params)(inputs, lengths))

    def apply(inputs: Array, lengths: Array) -> Any:
        return compiled(params, inputs, lengths)

    def answer(lines: Sequence[str], evidence: Evidence | None = None) -> list[dict[str, Any]]:
        sequences = [parse(line, number) for number, line in enumerate(lines, start=1)]
        return classify(apply, sequences, reader, threshold, evidence)

    explain = evidence_with(model, reader, params, jax.jit)
    return {"classify": answer, "explain": lambda lines: answer(lines, explain)}


def _heard(audio: AudioConfig, line: str, number: int) -> np.ndarray:
    """The features of the recording whose path is a line."""
    if not line.strip():
        raise SeqlabError(f"line {number}: expected the path of a WAV file, found nothing.")
    return features_of(read_wav(Path(line.strip()).expanduser()), audio)


def _seen(line: str, number: int) -> np.ndarray:
    """The frames of the clip that a line names: ``FOLDER``, ``FILE`` where it has one, or ``FILE:NUMBER`` from 1."""
    path, colon, place = line.strip().rpartition(":")
    if not (colon and place.isascii() and place.isdigit()):
        path, place = line.strip(), ""
    if not path:
        raise SeqlabError(f"line {number}: expected a folder of images or FILE.npz:NUMBER, found {line[:60]!r}.")
    clips = read_clips(Path(path).expanduser())
    if not 1 <= int(place or len(clips)) <= len(clips) or (not place and len(clips) > 1):
        raise SeqlabError(f"line {number}: expected a clip's number behind the file, {path}:1 to :{len(clips)}.")
    return clips[int(place or 1) - 1].frames
