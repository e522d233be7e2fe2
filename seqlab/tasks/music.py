"""Music: the next frame of a piano roll from all before it.

The loss of a frame is the negative log-likelihood of its 88 keys, in nats, as a product of sigmoids. Reported are

    nll               the mean over all frames but each piece's first, which is given: the average of Bai et al. (2018)
    nll_by_piece      the mean over the pieces of each one's mean
    frame_accuracy, expected_frame_accuracy      see ``seqlab.metrics.frames``; over the same frames

while the loss, which is trained and selected by, has each piece's first frame too, so that music can begin from
nothing. A piece is read after a first step that holds no note and says that it begins; where the pieces are
conditioned on their mode, that step says major or minor (one to many).

References:
    Boulanger-Lewandowski et al., Modeling temporal dependencies in high-dimensional sequences, 2012; Bai et al., An
    empirical evaluation of generic convolutional and recurrent networks for sequence modeling, 2018.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Key, Params
from seqlab.core.errors import unknown_name
from seqlab.core.keys import for_purpose
from seqlab.core.masks import lengths_to_mask, zero_padding
from seqlab.data.batch import Batch, RaggedBatches, Splits
from seqlab.data.buckets import bucketed_splits
from seqlab.data.loaders.midi import NUM_KEYS
from seqlab.data.loaders.piano_rolls import Piece
from seqlab.data.mode import MODES, estimate_key
from seqlab.data.rolls import RollSplits
from seqlab.data.splits import PARTS
from seqlab.data.transposition import TransposedBatches
from seqlab.layers.config import RecurrentConfig
from seqlab.losses import binary_cross_entropy
from seqlab.losses.binary_cross_entropy import bernoulli_nats
from seqlab.metrics import Mean
from seqlab.metrics.accumulate import Metrics
from seqlab.metrics.frames import expected_frame_accuracy, frame_accuracy
from seqlab.models.frame_model import FrameModel
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.music_baselines import baseline_scores, draw_marginal
from seqlab.tasks.musician import Musician, generate

# What the first step may say: that a piece begins, or in which mode it is.
STYLES: dict[str, tuple[str, ...]] = {"none": ("any",), "mode": MODES}


@dataclass(frozen=True)
class MusicConfig:
    """A model of music, and how its pieces are batched.

    Attributes:
        conditioning: what a piece's first step says; a name in ``STYLES``.
        transpose_semitones: how far training pieces are moved up or down at most; 0 for not at all.
        frames_per_beat: frames of a quarter note, in MIDI files that are read and written.
        embedding_size: width of the layer below the recurrence.
        recurrent: the recurrent layers.
        batch_size: pieces of a training batch.
        eval_batch_size: pieces of a batch in evaluation.
        seed: of the order of training and of the transpositions.
    """

    conditioning: str = "none"
    transpose_semitones: int = 0
    frames_per_beat: int = 1
    embedding_size: int = 64
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    batch_size: int = 16
    eval_batch_size: int = 32
    seed: int = 0


def styles_of(config: MusicConfig) -> tuple[str, ...]:
    """The styles that a piece can begin with, by their number."""
    if config.conditioning not in STYLES:
        raise unknown_name("conditioning", config.conditioning, STYLES)
    return STYLES[config.conditioning]


def make_model(config: MusicConfig) -> FrameModel:
    """The model."""
    return FrameModel(NUM_KEYS, config.embedding_size, config.recurrent)


def init_params(config: MusicConfig, key: Key) -> Params:
    """The model's params before training."""
    frames = jnp.zeros((1, 1, NUM_KEYS + len(styles_of(config))))
    params = make_model(config).init(key, frames)["params"]
    return config.recurrent.start_gates(params, for_purpose(key, "gates"))


def style_number(roll: np.ndarray, styles: Sequence[str]) -> int:
    """The style of a piece: its mode as it is estimated, where styles are modes."""
    return styles.index(estimate_key(roll).mode) if len(styles) > 1 else 0


def rows_of(pieces: Sequence[Piece], styles: Sequence[str]) -> Batch:
    """Pieces as rows: inputs [T, 88 + styles], the frames before, behind a first step that says the style; targets."""
    inputs, targets = [], []
    for piece in pieces:
        read = np.zeros((len(piece.roll), NUM_KEYS + len(styles)), np.uint8)
        read[1:, :NUM_KEYS] = piece.roll[:-1]
        read[0, NUM_KEYS + style_number(piece.roll, styles)] = 1
        inputs.append(read)
        targets.append(piece.roll)
    return Batch(inputs, targets, lengths=np.array([len(roll) for roll in targets], np.int32))


def make_task(config: MusicConfig, pieces: RollSplits) -> Task:
    """The task of learning these pieces.

    Raises:
        SeqlabError: wrong names or numbers in ``config``.
    """
    styles, model = styles_of(config), make_model(config)
    jax.eval_shape(lambda key: init_params(config, key), jax.random.key(0))  # Says what is wrong in the config.
    splits = _splits(config, pieces, styles)

    def finish(params: Params, folder: Path, jit: Compile) -> dict[str, dict[str, Any]]:
        musician = Musician(model, jax.tree.map(jnp.asarray, params), styles, jit, config.frames_per_beat)
        marginal = draw_marginal(pieces.train, np.random.default_rng(0))
        return {"validation": generate(musician, pieces, marginal, folder / "predictions")}

    return Task(
        name="music",
        splits=splits,
        init=lambda key: init_params(config, key),
        initial_carry=lambda batch_size: (),
        loss=_training_loss(model),
        evaluate=_evaluation(model),
        batch_sizes={name: len(split.batch(0).inputs) for name, split in splits._asdict().items()},
        scores=dict,
        baselines=lambda: baseline_scores(pieces),
        artifacts={},
        show=lambda params, key: shown(Musician(model, jax.tree.map(jnp.asarray, params), styles)(1, key)[0]),
        headline="nll",
        unit="frames",
        finish=finish,
    )


def _splits(config: MusicConfig, pieces: RollSplits, styles: Sequence[str]) -> Splits:
    rows = {name: rows_of(getattr(pieces, name), styles) for name in PARTS}
    sizes: dict[str, Any] = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size}
    splits = bucketed_splits(**rows, **sizes, seed=config.seed)
    if not config.transpose_semitones:
        return splits
    assert isinstance(splits.train, RaggedBatches)
    return splits._replace(train=TransposedBatches(splits.train, config.transpose_semitones, config.seed))


def _training_loss(model: FrameModel) -> Callable[..., Loss]:
    """The task's ``loss``."""

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        rngs = {"dropout": for_purpose(key, "dropout")}
        logits, targets, mask = _predicted(model, params, batch, rngs=rngs, **hyper.drop_rates())
        total, weight = binary_cross_entropy(logits, targets, mask, hyper.label_smoothing)
        return Loss(total, weight, carry, {"loss": Mean(total, weight)})

    return loss


def _evaluation(model: FrameModel) -> Callable[..., tuple[Metrics, Any]]:
    """The task's ``evaluate``."""

    def evaluate(params: Params, carry: Any, batch: Batch) -> tuple[Metrics, Any]:
        logits, targets, mask = _predicted(model, params, batch)
        scored = mask.at[:, 0].set(False)
        nats = jnp.where(scored, bernoulli_nats(zero_padding(logits, mask), zero_padding(targets, mask)), 0.0)
        frames = scored.sum(axis=1, dtype=nats.dtype)
        of_pieces = nats.sum(axis=1) / jnp.maximum(frames, 1)
        probabilities = jax.nn.sigmoid(logits)
        metrics = {
            "loss": Mean(*binary_cross_entropy(logits, targets, mask)),
            "nll": Mean(nats.sum(), frames.sum()),
            "nll_by_piece": Mean(of_pieces.sum(), (frames > 0).sum(dtype=nats.dtype)),
            "frame_accuracy": frame_accuracy(probabilities, targets, scored),
            "expected_frame_accuracy": expected_frame_accuracy(probabilities, targets, scored),
        }
        return metrics, carry

    return evaluate


def _predicted(model: FrameModel, params: Params, batch: Batch, **options: Any) -> tuple[Array, Array, Array]:
    """Logits and targets of a batch, and which of its frames exist."""
    batch = jax.tree.map(jnp.asarray, batch)
    apply: Callable[..., Any] = model.apply
    inputs, targets = (values.astype(jnp.float32) for values in (batch.inputs, batch.targets))
    logits = apply({"params": params}, inputs, lengths=batch.lengths, **options).logits
    return logits, targets, lengths_to_mask(batch.lengths, targets.shape[1])


def shown(roll: np.ndarray) -> str:
    """A roll for a terminal: a line a key, from the highest that sounds to the lowest, and a column a frame."""
    sounding = np.flatnonzero(roll.any(axis=0))
    keys = range(sounding[-1], sounding[0] - 1, -1) if sounding.size else []
    return "".join("".join("#" if on else "." for on in roll[:, key]) + "\n" for key in keys)
