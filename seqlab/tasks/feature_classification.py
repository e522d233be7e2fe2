"""Classification of sequences of vectors: one label for a recording, an image read pixel by pixel, or a piece of DNA.

The tasks ``activity``, ``pixels``, ``dna`` and ``spoken_words`` are this one; what differs is what their files hold.
The loss and the scores are those of every classifier: `seqlab.tasks.classifier`. The models to beat are the training
split's most frequent class, and the nearest centroid (`seqlab.models.nearest_centroid`): of means and deviations over
time, and, where all sequences are equally long, of all their numbers in order; of videos also a vote of single frames.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Key, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.keys import for_purpose
from seqlab.core.masks import flip_sequences
from seqlab.data.batch import Batch
from seqlab.data.buckets import bucketed_splits
from seqlab.data.labelled_features import FeatureSplits
from seqlab.data.loaders.dna import BASES
from seqlab.data.paged import IN_MEMORY
from seqlab.data.splits import HELD_OUT, PARTS
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.layers.spec_augment import SpecAugmentConfig, spec_augment
from seqlab.models.feature_classifier import FeatureClassifier
from seqlab.models.nearest_centroid import fit_nearest_centroid, log_probabilities
from seqlab.tasks.base import Task
from seqlab.tasks.classification_data import class_weights
from seqlab.tasks.classification_scores import baseline_scores, majority_baseline
from seqlab.tasks.classifier import Augment, Classifier, classification_task
from seqlab.tasks.feature_data import FeatureReader
from seqlab.tasks.feature_prediction import shown
from seqlab.tasks.single_frame import FrameClassifier, single_frame_baseline

NUM_SHOWN = 5


@dataclass(frozen=True)
class FeatureConfig:
    """A classifier of sequences of vectors and how they are batched.

    Attributes:
        task: ``activity``, ``dna``, ``pixels`` or ``spoken_words``.
        recurrent: the recurrent layers.
        convolution: the convolutions before them.
        pooling: a name in ``seqlab.layers.pooling.POOLINGS``.
        class_weights: ``none``, ``balanced``, or a number for each label in their order, with commas between them.
        permute_pixels: whether the steps are read in the order of ``seqlab.tasks.feature_data.pixel_order``.
        reverse_complement: whether half of the training sequences are read from the other strand of DNA.
        masks: what training masks of spoken words.
        position_channel: whether a channel says where each step is; not for videos.
        frame_pooling: of a video, a name in ``seqlab.layers.frame_encoder.FRAME_POOLINGS``.
        batch_size: rows of a training batch.
        eval_batch_size: rows of a batch in evaluation.
        seed: of the order of training.
    """

    task: str = "activity"
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    convolution: ConvolutionConfig = field(default_factory=ConvolutionConfig)
    pooling: str = "last"
    class_weights: str = "none"
    permute_pixels: bool = False
    reverse_complement: bool = False
    masks: SpecAugmentConfig = field(default_factory=SpecAugmentConfig)
    position_channel: bool = False
    frame_pooling: str = "mean"
    batch_size: int = 32
    eval_batch_size: int = 32
    seed: int = 0


def make_model(config: FeatureConfig, reader: FeatureReader) -> FeatureClassifier:
    """The model for a reader's labels."""
    layers = (config.recurrent, config.convolution, config.pooling, config.frame_pooling)
    return FeatureClassifier(len(reader.labels), *layers, position_channel=config.position_channel)


def init_params(model: FeatureClassifier, reader: FeatureReader, key: Key) -> Params:
    """The model's params before training."""
    params = model.init(key, jnp.zeros((1, reader.shortest, *reader.shape)))["params"]
    return model.recurrent.start_gates(params, for_purpose(key, "gates"))


def make_task(config: FeatureConfig, sequences: FeatureSplits) -> Task:
    """The task of learning these sequences; scaling and labels come from their training split alone.

    Raises:
        SeqlabError: wrong names or numbers in ``config``, or an option that is for another task.
        DataError: a sequence that is too short for the convolutions.
    """
    if config.permute_pixels and config.task != "pixels":
        raise SeqlabError(f"--permute_pixels is for --task=pixels; got --task={config.task}.")
    if config.reverse_complement and config.task != "dna":
        raise SeqlabError(f"--reverse_complement is for --task=dna; got --task={config.task}.")
    if config.masks.any and config.task != "spoken_words":
        raise SeqlabError(f"--time_masks and --frequency_masks are for --task=spoken_words; got --task={config.task}.")
    reader = FeatureReader.build(sequences.train, config.task, config.permute_pixels, config.convolution.shortest())
    rows = {name: reader.rows(getattr(sequences, name)) for name in PARTS}
    counts = np.bincount(rows["train"].targets, minlength=len(reader.labels))
    model = make_model(config, reader)
    jax.eval_shape(lambda key: init_params(model, reader, key), jax.random.key(0))  # Says what is wrong in the config.
    sizes = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size}
    splits = bucketed_splits(rows["train"], rows["validation"], rows["test"], **sizes, seed=config.seed)
    classifier = Classifier(
        name=config.task,
        model=model,
        init=lambda key: init_params(model, reader, key),
        labels=reader.labels,
        class_weights=class_weights(config.class_weights, counts, reader.labels),
        augment=augmentation(config),
    )
    held_out = {
        name: [
            {"row": number, **({"name": row.name} if row.name else {}), "label": row.label}
            for number, row in enumerate(getattr(sequences, name), start=1)
        ]
        for name in HELD_OUT
    }
    return classification_task(
        classifier,
        splits,
        held_out,
        batch_sizes={"train": config.batch_size, "validation": config.eval_batch_size, "test": config.eval_batch_size},
        baselines=lambda: baselines(rows, reader) | (of_single_frames(config, rows, reader) if reader.space else {}),
        artifacts=reader.artifacts(),
        show=lambda params, key: shown(model, reader, params, sequences.validation[:NUM_SHOWN]),
    )


def augmentation(config: FeatureConfig) -> Augment | None:
    """What is done to the inputs of a training batch; ``None`` for nothing."""
    if config.reverse_complement:
        return some_from_the_other_strand
    if config.masks.any:
        return lambda inputs, lengths, key: spec_augment(inputs, lengths, key, config.masks)
    return None


def reverse_complement(inputs: Array, lengths: Array) -> Array:
    """Shares of A, C, G, T [B, T, 4] as read from the other strand: each sequence turned around, A for T and C for G.

    >>> strand = jnp.array([[[1, 0, 0, 0], [0, 1, 0, 0]]])  # AC
    >>> reverse_complement(strand, jnp.array([2])).tolist()  # GT
    [[[0, 0, 1, 0], [0, 0, 0, 1]]]
    """
    # In the order A, C, G, T the complement of a base is as far from the end as the base is from the start.
    return flip_sequences(inputs.swapaxes(0, 1), lengths).swapaxes(0, 1)[..., ::-1]


def some_from_the_other_strand(inputs: Array, lengths: Array, key: Key) -> Array:
    """Each row of a batch, or with a chance of one half its reverse complement."""
    turned = jax.random.bernoulli(key, 0.5, (len(inputs), 1, 1))
    assert inputs.shape[-1] == len(BASES)
    return jnp.where(turned, reverse_complement(inputs, lengths), inputs)


def baselines(rows: Mapping[str, Batch], reader: FeatureReader) -> dict[str, dict[str, Any]]:
    """Scores of the training split's most frequent class for all, and of the nearest centroids."""
    targets = {split: batch.targets for split, batch in rows.items()}
    found = majority_baseline(targets, reader.labels)
    summaries: dict[str, Callable[[np.ndarray], np.ndarray]] = {"nearest centroid": _over_time}
    inputs = [row for batch in rows.values() for row in batch.inputs]
    if len({len(row) for row in inputs}) == 1 and sum(row.nbytes for row in inputs) <= IN_MEMORY:
        summaries["nearest in order"] = np.ravel
    for name, summary in summaries.items():
        vectors = {split: np.stack([summary(row) for row in batch.inputs]) for split, batch in rows.items()}
        model = fit_nearest_centroid(vectors["train"], targets["train"], len(reader.labels))
        log_probability = {split: log_probabilities(model, vectors[split]) for split in HELD_OUT}
        found |= baseline_scores(name, log_probability, targets, reader.labels)
    return found


def of_single_frames(
    config: FeatureConfig, rows: Mapping[str, Batch], reader: FeatureReader
) -> dict[str, dict[str, Any]]:
    """Scores of the model's encoder on the single frames of videos, and their vote."""
    layers = (config.recurrent, config.convolution, config.frame_pooling)
    return single_frame_baseline(FrameClassifier(len(reader.labels), *layers), rows, reader.labels, config.seed)


def _over_time(features: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each channel, or pixel, over the steps [2 F]."""
    return np.concatenate([features.mean(axis=0).ravel(), features.std(axis=0).ravel()])
