"""Transcription: what is said in a recording, learned from recordings and their transcripts alone.

Nothing says when a word is said; the loss adds up all ways to place the labels in time (CTC, see
``seqlab.losses.ctc``). Training may mask stretches of time and of frequency (SpecAugment), and start the recurrent
layers afresh at random frames. Without that they know where a recording begins: where all of training begins with the
same word, a model says it before there is a sound, and nothing in training tells it that this is wrong.

Checkpoints are chosen by the loss on validation. The final scores are word and character error rates of what prefix
beam search finds, perhaps with a language model, and of the best path.

References:
    Graves et al., Connectionist temporal classification, 2006.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Key, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.keys import for_purpose
from seqlab.data.audio_features import AudioConfig
from seqlab.data.batch import Batch
from seqlab.data.buckets import bucketed_splits
from seqlab.data.paged import PagedArrays
from seqlab.data.splits import PARTS
from seqlab.data.transcribed import TranscribedSplits
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.layers.spec_augment import SpecAugmentConfig, spec_augment
from seqlab.losses.ctc import ctc_negative_log_likelihood
from seqlab.metrics import Mean
from seqlab.metrics.accumulate import Metrics
from seqlab.metrics.edit_distance import label_error_rate
from seqlab.models.ctc_model import CTCModel, frames_left
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.label_language import LabelLanguage
from seqlab.tasks.spoken_words import features_of
from seqlab.tasks.text_prediction import TextModel
from seqlab.tasks.transcriber import Search, Transcriber, apply_model
from seqlab.tasks.transcription_data import SpeechReader, check_tokens, num_labels
from seqlab.tasks.transcription_scores import NUM_SHOWN, baseline_scores, shown, split_scores


@dataclass(frozen=True)
class TranscriptionConfig:
    """A transcription model, how its recordings are read and batched, and how it is asked.

    Attributes:
        tokens: what a label is: ``char`` or ``word``.
        audio: the features of a recording.
        masks: what training masks in them.
        recurrent: the recurrent layers.
        convolution: the convolutions before them, which shorten a recording.
        reset_rate: share of the frames at which training starts the recurrent layers afresh, in [0, 1).
        beam_width: hypotheses of the beam search that the final scores are taken of.
        language_model_weight: of a language model's log-probabilities in that search.
        label_bonus: what the search adds for each label.
        batch_size: recordings of a training batch.
        eval_batch_size: recordings of a batch in evaluation.
        seed: of the order of training.
    """

    tokens: str = "word"
    audio: AudioConfig = field(default_factory=AudioConfig)
    masks: SpecAugmentConfig = field(default_factory=SpecAugmentConfig)
    recurrent: RecurrentConfig = field(default_factory=lambda: RecurrentConfig(bidirectional=True))
    convolution: ConvolutionConfig = field(default_factory=ConvolutionConfig)
    reset_rate: float = 0.0
    beam_width: int = 5
    language_model_weight: float = 0.5
    label_bonus: float = 0.0
    batch_size: int = 16
    eval_batch_size: int = 16
    seed: int = 0


def make_model(config: TranscriptionConfig, reader: SpeechReader) -> CTCModel:
    """The model for a reader's labels."""
    return CTCModel(reader.num_classes, config.recurrent, config.convolution)


def init_params(model: CTCModel, reader: SpeechReader, key: Key) -> Params:
    """The model's params before training."""
    params = model.init(key, jnp.zeros((1, model.convolution.shortest(), len(reader.mean))))["params"]
    return model.recurrent.start_gates(params, for_purpose(key, "gates"))


def make_search(config: TranscriptionConfig, reader: SpeechReader, language_model: TextModel | None) -> Search:
    """The search for labellings that a configuration asks for."""
    if language_model is None:
        return Search(config.beam_width, label_bonus=config.label_bonus)
    language = LabelLanguage(language_model, reader.labels)
    return Search(config.beam_width, language, config.language_model_weight, config.label_bonus)


def make_task(
    config: TranscriptionConfig, utterances: TranscribedSplits, language_model: TextModel | None = None
) -> Task:
    """The task of transcribing these recordings; labels and scaling come from their training split alone.

    Raises:
        SeqlabError: wrong names or numbers in ``config``.
        DataError: a recording that is too short for its transcript, or a held-out label that training lacks.
    """
    check_tokens(config.tokens)
    if config.beam_width < 1:
        raise SeqlabError(f"beam_width must be at least 1; got {config.beam_width}.")
    if not 0 <= config.reset_rate < 1:
        raise SeqlabError(f"reset_rate must lie in [0, 1); got {config.reset_rate}.")
    paged = PagedArrays()
    raw = {
        name: [paged.keep(features_of(utterance.recording, config.audio)) for utterance in getattr(utterances, name)]
        for name in PARTS
    }
    transcripts = [utterance.transcript for utterance in utterances.train]
    reader = SpeechReader.build(config.audio, config.tokens, config.convolution, transcripts, raw["train"])
    rows = {name: reader.rows(getattr(utterances, name), raw[name]) for name in PARTS}
    features = {name: batch.inputs for name, batch in rows.items()}
    model = make_model(config, reader)
    jax.eval_shape(lambda key: init_params(model, reader, key), jax.random.key(0))  # Says what is wrong in the config.
    sizes = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size}
    splits = bucketed_splits(rows["train"], rows["validation"], rows["test"], **sizes, seed=config.seed)

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        batch = jax.tree.map(jnp.asarray, batch)
        if config.masks.any:
            inputs = spec_augment(batch.inputs, batch.lengths, for_purpose(key, "masks"), config.masks)
            batch = batch._replace(inputs=inputs)
        options: dict[str, Any] = {"rngs": {"dropout": for_purpose(key, "dropout")}, **hyper.drop_rates()}
        if config.reset_rate:
            places = len(batch.inputs), frames_left(config.convolution, batch.inputs.shape[1])
            options["resets"] = jax.random.bernoulli(for_purpose(key, "resets"), config.reset_rate, places)
        logits, left = apply_model(model, params, batch.inputs, batch.lengths, **options)
        total, weight = ctc_negative_log_likelihood(logits, batch.targets, left, num_labels(batch.targets))
        return Loss(total, weight, carry, {"loss": Mean(total, weight)})

    def evaluate(params: Params, carry: Any, batch: Batch) -> tuple[Metrics, Any]:
        batch = jax.tree.map(jnp.asarray, batch)
        logits, left = apply_model(model, params, batch.inputs, batch.lengths)
        labels = batch.targets, num_labels(batch.targets)
        nats = Mean(*ctc_negative_log_likelihood(logits, labels[0], left, labels[1]))
        return {"loss": nats, "label_error_rate": label_error_rate(logits.argmax(axis=-1), left, *labels)}, carry

    def transcriber(params: Params, jit: Compile) -> Transcriber:
        params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        return Transcriber(model, params, reader, jit, config.eval_batch_size)

    def finish(params: Params, folder: Path, jit: Compile) -> dict[str, dict[str, Any]]:
        search = make_search(config, reader, language_model)
        return split_scores(transcriber(params, jit), utterances, features, search, folder / "predictions")

    num_frames = {name: [len(one) for one in found] for name, found in raw.items()}
    first = utterances.validation[:NUM_SHOWN], features["validation"][:NUM_SHOWN]
    return Task(
        name="transcription",
        splits=splits,
        init=lambda key: init_params(model, reader, key),
        initial_carry=lambda batch_size: (),
        loss=loss,
        evaluate=evaluate,
        batch_sizes={name: len(split.batch(0).inputs) for name, split in splits._asdict().items()},
        scores=lambda means: means,
        baselines=lambda: baseline_scores(utterances, num_frames),
        artifacts=reader.artifacts(),
        show=lambda params, key: shown(transcriber(params, lambda function: function), *first),
        headline="wer",
        unit="recordings",
        finish=finish,
    )
