"""From flags to the library's configurations: the one place that knows both."""

from dataclasses import fields, replace
from typing import Any, TypeVar, cast

from absl import flags

from seqlab.data.audio_features import AudioConfig
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.layers.spec_augment import SpecAugmentConfig
from seqlab.optim import OptimizerConfig, ScheduleConfig
from seqlab.tasks.base import Hyper, Task
from seqlab.tasks.feature_classification import FeatureConfig
from seqlab.tasks.filtering import FilteringConfig
from seqlab.tasks.forecasting import ForecastingConfig
from seqlab.tasks.language_model import LanguageModelConfig
from seqlab.tasks.music import MusicConfig
from seqlab.tasks.tagging import TaggingConfig
from seqlab.tasks.text_classification import ClassificationConfig
from seqlab.tasks.transcription import TranscriptionConfig
from seqlab.tasks.translation import TranslationConfig
from seqlab.tasks.whole_sequences import SequenceConfig
from seqlab.train import TrainConfig

Config = TypeVar("Config")


def of_flags(config: type[Config], values: flags.FlagValues, **given: Any) -> Config:
    """A configuration whose fields are the flags of their names, but for those that are given."""
    names = [field.name for field in fields(cast(Any, config)) if field.name not in given]
    return config(**{name: getattr(values, name) for name in names}, **given)


def recurrent_config(values: flags.FlagValues) -> RecurrentConfig:
    """The recurrent layers."""
    return of_flags(RecurrentConfig, values)


def language_model_config(values: flags.FlagValues) -> LanguageModelConfig:
    """A language model."""
    return of_flags(LanguageModelConfig, values, recurrent=recurrent_config(values))


def sequence_config(values: flags.FlagValues) -> SequenceConfig:
    """A model of generated sequences."""
    return of_flags(SequenceConfig, values, recurrent=recurrent_config(values))


def tagging_config(values: flags.FlagValues) -> TaggingConfig:
    """A tagger, which reads in both directions."""
    return of_flags(TaggingConfig, values, recurrent=replace(recurrent_config(values), bidirectional=True))


def classification_config(values: flags.FlagValues) -> ClassificationConfig:
    """A classifier of texts."""
    return of_flags(ClassificationConfig, values, recurrent=recurrent_config(values))


def feature_config(values: flags.FlagValues) -> FeatureConfig:
    """A classifier of sequences of vectors."""
    layers = {"recurrent": recurrent_config(values), "convolution": of_flags(ConvolutionConfig, values)}
    layers["masks"] = of_flags(SpecAugmentConfig, values)
    return of_flags(FeatureConfig, values, **layers)


def audio_config(values: flags.FlagValues) -> AudioConfig:
    """How sound becomes features."""
    return of_flags(AudioConfig, values, kind=values.audio_features)


def translation_config(values: flags.FlagValues) -> TranslationConfig:
    """A translation model; its encoder reads in both directions, its decoder in one."""
    return of_flags(TranslationConfig, values, recurrent=replace(recurrent_config(values), bidirectional=False))


def transcription_config(values: flags.FlagValues) -> TranscriptionConfig:
    """A transcription model, which reads in both directions."""
    layers = {"recurrent": replace(recurrent_config(values), bidirectional=True)}
    layers |= {"convolution": of_flags(ConvolutionConfig, values), "masks": of_flags(SpecAugmentConfig, values)}
    return of_flags(TranscriptionConfig, values, audio=audio_config(values), **layers)


def music_config(values: flags.FlagValues) -> MusicConfig:
    """A model of music, which reads in one direction: what comes later is what it says."""
    return of_flags(MusicConfig, values, recurrent=replace(recurrent_config(values), bidirectional=False))


def forecasting_config(values: flags.FlagValues) -> ForecastingConfig:
    """A forecaster, which reads in one direction."""
    return of_flags(ForecastingConfig, values, recurrent=replace(recurrent_config(values), bidirectional=False))


def filtering_config(values: flags.FlagValues) -> FilteringConfig:
    """A filter, which reads in one direction: it knows nothing of what comes later."""
    return of_flags(FilteringConfig, values, recurrent=replace(recurrent_config(values), bidirectional=False))


def hyper(values: flags.FlagValues) -> Hyper:
    """Numbers of the loss."""
    return Hyper(**{name: getattr(values, name) for name in Hyper._fields})


def optimizer_config(values: flags.FlagValues) -> OptimizerConfig:
    """The optimizer and its schedule; a flag of 0 leaves its mechanism out."""
    return OptimizerConfig(
        name=values.optimizer,
        learning_rate=values.learning_rate,
        momentum=values.momentum or None,
        l1=values.l1 or None,
        l2=values.l2 or None,
        clip_norm=values.clip_norm or None,
        clip_value=values.clip_value or None,
        clip_adaptive=values.clip_adaptive or None,
        weight_decay=values.weight_decay or None,
        schedule=ScheduleConfig(
            name=values.schedule,
            decay=values.decay,
            decay_epochs=values.decay_epochs,
            warmup_steps=values.warmup_steps or None,
            final_fraction=values.final_fraction,
        ),
    )


def train_config(values: flags.FlagValues, task: Task) -> TrainConfig:
    """How long to train and how often to look, in steps."""
    steps_per_epoch = task.splits.train.batches_per_epoch
    num_steps = values.num_steps or values.num_epochs * steps_per_epoch
    evaluate_every = min(values.evaluate_every or steps_per_epoch, num_steps)
    return TrainConfig(
        num_steps=num_steps,
        evaluate_every=evaluate_every,
        chunk_steps=_even_chunk(evaluate_every, values.chunk_steps),
        patience=values.patience,
        seed=values.seed,
        max_skipped_steps=values.max_skipped_steps,
        debug_nans=values.debug_nans,
    )


def _even_chunk(steps: int, longest: int) -> int:
    """The longest chunk that divides ``steps``, where one of at least half of ``longest`` does.

    A last chunk of another length would be compiled on its own.
    """
    longest = min(longest, steps)
    return next((size for size in range(longest, longest // 2, -1) if steps % size == 0), longest)
