"""Spoken words: which one a recording is. Frames of sound features, then as any classification of sequences of vectors.

Mean and standard deviation of every feature come from the training split; what training masks of a recording is in
`seqlab.layers.spec_augment`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqlab.core.array_types import Params
from seqlab.data.audio_features import AudioConfig, audio_features, power_spectrum
from seqlab.data.loaders.recordings import SpokenWord
from seqlab.data.loaders.sensors import LabelledFeatures
from seqlab.data.loaders.wav import Recording, resample
from seqlab.data.paged import PagedArrays
from seqlab.data.splits import DataSplits
from seqlab.data.spoken_words import WordSplits
from seqlab.tasks import feature_classification
from seqlab.tasks.base import Compile, Task
from seqlab.tasks.feature_classification import FeatureConfig

NUM_PICTURES = 6
SPECTROGRAMS_FILE = "spectrograms.json"


def make_task(config: FeatureConfig, audio: AudioConfig, words: WordSplits) -> Task:
    """The task of learning these words.

    Raises:
        SeqlabError: wrong names or numbers in ``config``.
        DataError: a recording that is too short for the convolutions.
    """
    train, validation, test = (_rows(part, audio) for part in words.parts)
    sequences = DataSplits(train, validation, test, words.checksums, words.description, words.licence)
    task = feature_classification.make_task(config, sequences)

    def finish(params: Params, folder: Path, compiler: Compile) -> dict[str, dict[str, Any]]:
        save_spectrograms(folder / "predictions" / SPECTROGRAMS_FILE, words.validation, audio)
        return task.finish(params, folder, compiler)

    return task._replace(finish=finish)


def features_of(recording: Recording, audio: AudioConfig) -> np.ndarray:
    """The features [T, F] of a recording of any rate, before scaling."""
    return audio_features(resample(recording, audio.sample_rate).samples, audio)


def save_spectrograms(path: Path, words: Sequence[SpokenWord], audio: AudioConfig) -> None:
    """Writes what `seqlab.report.spectrogram` draws: for the first few labels the first recording of each."""
    first: dict[str, SpokenWord] = {}
    for word in words:
        first.setdefault(word.label, word)
    path.write_text(
        json.dumps([spectrogram(first[label], audio) for label in sorted(first)[:NUM_PICTURES]]), encoding="utf-8"
    )


def spectrogram(word: SpokenWord, audio: AudioConfig) -> dict[str, Any]:
    """A recording's power over time and frequency, in dB, ready for JSON."""
    power = power_spectrum(resample(word.recording, audio.sample_rate).samples, audio)
    levels = 10 * np.log10(np.maximum(power, audio.least_energy))
    return {
        "title": " ".join(filter(None, [word.label, word.name and f"({word.name})"])),
        "levels": levels.round(1).tolist(),
        "first_seconds": audio.window / audio.sample_rate / 2,
        "frame_seconds": audio.hop / audio.sample_rate,
        "high_hz": audio.sample_rate / 2,
    }


def _rows(words: Sequence[SpokenWord], audio: AudioConfig) -> Sequence[LabelledFeatures]:
    paged = PagedArrays()
    return [
        LabelledFeatures(paged.keep(features_of(word.recording, audio)), word.label, path=word.path, name=word.name)
        for word in words
    ]
