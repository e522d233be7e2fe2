"""What single frames tell of a video: the classifier's own encoder without any recurrence, and a vote of the frames.

    log p(k | clip) = mean over its frames of log p(k | frame) + const

A frame's answer comes from the encoder, a hidden layer as wide as the recurrence, and the logits. It is trained on
frames drawn at random, each with the label of its clip. A model of videos that is no better has learned nothing from
time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from seqlab.core.array_types import Array, Float, Params
from seqlab.core.keys import for_purpose
from seqlab.core.precision import product_dtype
from seqlab.data.batch import Batch
from seqlab.data.splits import HELD_OUT
from seqlab.layers import Dense
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.layers.frame_encoder import FrameEncoder
from seqlab.losses import softmax_cross_entropy
from seqlab.optim import OptimizerConfig, ScheduleConfig, make_optimizer
from seqlab.tasks.classification_scores import baseline_scores

NUM_STEPS, MOST_EPOCHS, BATCH_SIZE, LEARNING_RATE = 500, 20, 128, 2e-3
MOST_FRAMES = 20_000
# All clips together may be more than memory holds.
CLIPS_AT_ONCE = 512


class FrameClassifier(nn.Module):
    """Frames [B, Y, X, F] in, logits [B, V] out, with the sizes of a ``FeatureClassifier``.

    Attributes:
        num_classes: number V of classes.
        recurrent: its width and precision are used.
        convolution: the encoder's.
        frame_pooling: a name in ``seqlab.layers.frame_encoder.FRAME_POOLINGS``.
    """

    num_classes: int
    recurrent: RecurrentConfig
    convolution: ConvolutionConfig
    frame_pooling: str

    @nn.compact
    def __call__(self, frames: Float[Array, "B Y X F"]) -> Float[Array, "B V"]:
        """Runs the model."""
        dtype = product_dtype(self.recurrent.precision)
        vectors = FrameEncoder(self.convolution, self.frame_pooling, dtype)(frames[:, None])[:, 0]
        return Dense(self.num_classes, dtype)(nn.relu(Dense(self.recurrent.hidden_size, dtype)(vectors)))


def single_frame_baseline(
    model: FrameClassifier, rows: Mapping[str, Batch], labels: tuple[str, ...], seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Trains on single frames of the training clips; the scores of the vote for the held-out ones."""
    train = rows["train"]
    rng = np.random.default_rng(seed)
    places = [(row, step) for row, clip in enumerate(train.inputs) for step in range(len(clip))]
    drawn = [places[index] for index in rng.permutation(len(places))[:MOST_FRAMES].tolist()]
    frames = jnp.asarray(np.stack([train.inputs[row][step] for row, step in drawn]))
    classes = jnp.asarray(train.targets[[row for row, _ in drawn]])
    params = _fit(model, frames, classes, seed)
    found = {name: _votes(model, params, rows[name].inputs) for name in HELD_OUT}
    targets = {name: batch.targets for name, batch in rows.items()}
    return baseline_scores("single frames", found, targets, labels)


def _fit(model: FrameClassifier, frames: Array, classes: Array, seed: int) -> Params:
    """The params after some hundred steps of Adam."""
    batch_size = min(BATCH_SIZE, len(frames))
    num_steps = min(NUM_STEPS, MOST_EPOCHS * -(-len(frames) // batch_size))
    config = OptimizerConfig("adam", LEARNING_RATE, schedule=ScheduleConfig("cosine"))
    optimizer = make_optimizer(config, steps_per_epoch=num_steps, total_steps=num_steps)
    params = model.init(for_purpose(jax.random.key(seed), "params"), frames[:1])["params"]

    def step(state: Any, key: Array) -> tuple[Any, None]:
        params, optimizer_state = state
        chosen = jax.random.randint(key, (batch_size,), 0, len(frames))

        def loss(params: Params) -> Array:
            logits: Any = model.apply({"params": params}, frames[chosen])
            total, weight = softmax_cross_entropy(logits, classes[chosen])
            return total / weight

        updates, optimizer_state = optimizer.update(jax.grad(loss)(params), optimizer_state, params)
        return (optax.apply_updates(params, updates), optimizer_state), None

    # A scan is compiled as a whole wherever it is called.
    keys = jax.random.split(for_purpose(jax.random.key(seed), "batches"), num_steps)
    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), keys)
    return params


def _votes(model: FrameClassifier, params: Params, clips: Sequence[np.ndarray]) -> np.ndarray:
    """The logarithms of the classes' probabilities for each clip [N, V]."""
    groups = (clips[first : first + CLIPS_AT_ONCE] for first in range(0, len(clips), CLIPS_AT_ONCE))
    return np.concatenate([_votes_at_once(model, params, group) for group in groups])


def _votes_at_once(model: FrameClassifier, params: Params, clips: Sequence[np.ndarray]) -> np.ndarray:
    frames = np.concatenate(clips)
    # Batches of one size, so that each operation is compiled once.
    padded = np.pad(frames, [(0, -len(frames) % BATCH_SIZE)] + [(0, 0)] * (frames.ndim - 1))
    answers = []
    for batch in padded.reshape(-1, BATCH_SIZE, *frames.shape[1:]):
        logits: Any = model.apply({"params": params}, jnp.asarray(batch))
        answers.append(np.asarray(jax.nn.log_softmax(logits)))
    by_clip = np.split(np.concatenate(answers)[: len(frames)], np.cumsum([len(clip) for clip in clips])[:-1])
    means = np.stack([of_clip.mean(axis=0) for of_clip in by_clip])
    return np.asarray(jax.nn.log_softmax(jnp.asarray(means)))
