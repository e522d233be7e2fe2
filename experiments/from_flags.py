"""From flags to the library's configurations: the one place that knows both."""

from dataclasses import replace

from absl import flags

from seqlab.layers.config import RecurrentConfig
from seqlab.optim import OptimizerConfig, ScheduleConfig
from seqlab.tasks.base import Hyper, Task
from seqlab.tasks.language_model import LanguageModelConfig
from seqlab.tasks.tagging import TaggingConfig
from seqlab.tasks.text_classification import ClassificationConfig
from seqlab.tasks.whole_sequences import SequenceConfig
from seqlab.train import TrainConfig


def recurrent_config(values: flags.FlagValues) -> RecurrentConfig:
    """The recurrent layers."""
    return RecurrentConfig(
        cell=values.cell,
        hidden_size=values.hidden_size,
        num_layers=values.num_layers,
        bidirectional=values.bidirectional,
        skip_connections=values.skip_connections,
        variational_dropout=values.variational_dropout,
        zoneout_rate=values.zoneout_rate,
        learned_carry=values.learned_carry,
        engine=values.engine,
        precision=values.precision,
        chrono_steps=values.chrono_steps,
    )


def language_model_config(values: flags.FlagValues) -> LanguageModelConfig:
    """A language model."""
    return LanguageModelConfig(
        tokens=values.tokens,
        min_count=values.min_count,
        embedding_size=values.embedding_size,
        tied_embeddings=values.tied_embeddings,
        recurrent=recurrent_config(values),
        batch_size=values.batch_size,
        eval_batch_size=values.eval_batch_size,
        window_size=values.window_size,
        seed=values.seed,
    )


def sequence_config(values: flags.FlagValues) -> SequenceConfig:
    """A model of generated sequences."""
    return SequenceConfig(
        sequence_length=values.sequence_length,
        embedding_size=values.embedding_size,
        recurrent=recurrent_config(values),
        batch_size=values.batch_size,
        eval_batch_size=values.eval_batch_size,
        seed=values.seed,
    )


def tagging_config(values: flags.FlagValues) -> TaggingConfig:
    """A tagger, which reads in both directions."""
    return TaggingConfig(
        embedding_size=values.embedding_size,
        character_size=values.character_size,
        char_encoder=values.char_encoder,
        output_layer=values.output_layer,
        vectors=values.vectors,
        min_count=values.min_count,
        unknown_count=values.unknown_count,
        recurrent=replace(recurrent_config(values), bidirectional=True),
        batch_size=values.batch_size,
        eval_batch_size=values.eval_batch_size,
        seed=values.seed,
    )


def classification_config(values: flags.FlagValues) -> ClassificationConfig:
    """A classifier of texts."""
    return ClassificationConfig(
        tokens=values.tokens,
        min_count=values.min_count,
        max_length=values.max_length,
        embedding_size=values.embedding_size,
        recurrent=recurrent_config(values),
        pooling=values.pooling,
        class_weights=values.class_weights,
        word_dropout_rate=values.word_dropout_rate,
        batch_size=values.batch_size,
        eval_batch_size=values.eval_batch_size,
        seed=values.seed,
    )


def hyper(values: flags.FlagValues) -> Hyper:
    """Numbers of the loss."""
    return Hyper(
        dropout_rate=values.dropout_rate,
        label_smoothing=values.label_smoothing,
        state_dropout_rate=values.state_dropout_rate,
        weight_drop_rate=values.weight_drop_rate,
    )


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
    )


def _even_chunk(steps: int, longest: int) -> int:
    """The longest chunk that divides ``steps``, where one of at least half of ``longest`` does.

    A last chunk of another length would be compiled on its own.
    """
    longest = min(longest, steps)
    return next((size for size in range(longest, longest // 2, -1) if steps % size == 0), longest)
