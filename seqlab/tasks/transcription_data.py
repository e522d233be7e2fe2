"""Recordings and transcripts as arrays: standardised features, and labels that are characters or words.

    x'_f = (x_f - mean_f) / s_f      mean and standard deviation s over all frames of all training recordings

Labels are what occurs in the training transcripts, sorted; class 0 is the blank. What training never heard cannot be
written, so a held-out transcript with another character or word is refused: it could only be scored as wrong.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqlab.core.array_types import Array, Int
from seqlab.core.errors import DataError, unknown_name
from seqlab.data.audio_features import AudioConfig
from seqlab.data.batch import Batch
from seqlab.data.loaders.transcripts import Utterance
from seqlab.data.loaders.wav import Recording
from seqlab.data.paged import PagedArrays
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.losses.ctc import check_labelling
from seqlab.models.ctc_model import first_centre, frames_each, frames_left
from seqlab.tasks.feature_data import moments, stored_moments
from seqlab.tasks.spoken_words import features_of

SPEECH_FILE = "speech.json"
TOKENS = ("char", "word")


@dataclass(frozen=True)
class SpeechReader:
    """How recordings and transcripts become numbers.

    Attributes:
        audio: the features.
        tokens: what a label is, ``char`` or ``word``.
        labels: those of the training split; the class of the first is 1.
        mean: of each feature [F].
        deviation: of each feature [F].
        convolution: what shortens a recording before it is labelled.
    """

    audio: AudioConfig
    tokens: str
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    convolution: ConvolutionConfig

    @classmethod
    def build(
        cls,
        audio: AudioConfig,
        tokens: str,
        convolution: ConvolutionConfig,
        transcripts: Sequence[str],
        features: Sequence[np.ndarray],
    ) -> "SpeechReader":
        """The reader of a training split's transcripts and features [T, F]; nothing of the other splits is in it."""
        check_tokens(tokens)
        labels = tuple(sorted({label for text in transcripts for label in split_labels(text, tokens)}))
        if not labels:
            raise DataError("expected words in the transcripts to train on, found none.")
        return cls(audio, tokens, labels, *moments(features), convolution)

    @classmethod
    def load(cls, folder: Path, audio: AudioConfig, tokens: str, convolution: ConvolutionConfig) -> "SpeechReader":
        """The reader of a run, from its folder."""
        path = folder / SPEECH_FILE
        try:
            stored = json.loads(path.read_bytes())
            mean, deviation = stored_moments(stored)
            labels = stored["labels"]
            if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
                raise ValueError("the labels are no list of texts")
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise DataError(
                f"{path}: expected labels, and mean and deviation of each feature, as the run wrote them; {error}."
            ) from error
        return cls(audio, tokens, tuple(labels), mean, deviation, convolution)

    def artifacts(self) -> Mapping[str, Callable[[Path], None]]:
        """What `load` reads, by file name."""
        return {SPEECH_FILE: self._save}

    @property
    def num_classes(self) -> int:
        """Labels and the blank."""
        return len(self.labels) + 1

    @property
    def seconds_each(self) -> float:
        """Seconds from one frame of the model's answer to the next."""
        return frames_each(self.convolution) * self.audio.hop / self.audio.sample_rate

    @property
    def first_seconds(self) -> float:
        """The middle of the first of these frames."""
        return (first_centre(self.convolution) * self.audio.hop + self.audio.window / 2) / self.audio.sample_rate

    def features(self, recording: Recording) -> np.ndarray:
        """The standardised features [T, F] of a recording, float32.

        Raises:
            DataError: fewer frames than the convolutions need.
        """
        return self.scaled(features_of(recording, self.audio), recording.source)

    def scaled(self, features: np.ndarray, place: str) -> np.ndarray:
        """The same, of features."""
        shortest = self.convolution.shortest()
        if len(features) < shortest:
            raise DataError(f"{place}: expected at least {shortest} frames of sound, found {len(features)}.")
        return ((features - np.array(self.mean)) / np.array(self.deviation)).astype(np.float32)

    def encode(self, transcript: str, place: str) -> np.ndarray:
        """The labels [U] of a transcript.

        Raises:
            DataError: a character or word that no training transcript has.
        """
        classes = {label: place for place, label in enumerate(self.labels, start=1)}
        names = split_labels(transcript, self.tokens)
        for name in names:
            if name not in classes:
                kind = {"char": "character", "word": "word"}[self.tokens]
                raise DataError(
                    f"{place}: the {kind} {name!r} is in no training transcript, so that it could not be learned. "
                    "Leave the recording out, or have it in the training part" + self._or_characters()
                )
        return np.array([classes[name] for name in names], np.int32)

    def text(self, labels: Sequence[int]) -> str:
        """The transcript of labels."""
        joined = (" " if self.tokens == "word" else "").join(self.labels[label - 1] for label in labels)
        return " ".join(joined.split())

    def rows(self, utterances: Sequence[Utterance], features: Sequence[np.ndarray]) -> Batch:
        """All recordings of a split, from their unscaled features; targets are zeros behind their labels [N, U].

        `num_labels` says how many labels there are. Rows are batched by their frames alone, so that they have no
        ``target_lengths``.

        Raises:
            DataError: a recording that is too short for its transcript, or what `encode` and `scaled` refuse.
        """
        inputs, targets, paged = [], [], PagedArrays()
        for row, (utterance, found) in enumerate(zip(utterances, features, strict=True)):
            place = utterance.recording.source or f"recording {row + 1}"
            inputs.append(paged.keep(self.scaled(found, place)))
            targets.append(self.encode(utterance.transcript, place))
            check_labelling(targets[-1], frames_left(self.convolution, len(found)), self.num_classes, place)
        padded = np.zeros((len(targets), max(1, *map(len, targets))), np.int32)
        for row, labels in zip(padded, targets, strict=True):
            row[: len(labels)] = labels
        return Batch(inputs, padded, lengths=np.array([len(row) for row in inputs], np.int32))

    def _save(self, path: Path) -> None:
        stored = {"labels": self.labels, "mean": self.mean, "deviation": self.deviation}
        path.write_text(json.dumps(stored, ensure_ascii=False) + "\n", encoding="utf-8")

    def _or_characters(self) -> str:
        return "." if self.tokens == "char" else ", or take --tokens=char."


def check_tokens(tokens: str) -> None:
    """Refuses tokens that no label can be."""
    if tokens not in TOKENS:
        raise unknown_name("tokens of a transcript", tokens, TOKENS)


def split_labels(transcript: str, tokens: str) -> list[str]:
    """The characters or words of a transcript.

    >>> split_labels("no yes", "char"), split_labels("no yes", "word")
    (['n', 'o', ' ', 'y', 'e', 's'], ['no', 'yes'])
    """
    return list(transcript) if tokens == "char" else transcript.split()


def num_labels(targets: Int[Array, "B U"]) -> Int[Array, " B"]:
    """The labels of each row of a batch: padding is 0, which is the blank and no label."""
    return (targets != 0).sum(axis=1, dtype=targets.dtype)
