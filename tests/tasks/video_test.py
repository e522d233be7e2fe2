import functools

import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.labelled_features import FeatureSplits
from seqlab.data.loaders.sensors import LabelledFeatures
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.optim import OptimizerConfig, make_optimizer
from seqlab.tasks.base import Hyper
from seqlab.tasks.classification_prediction import apply_with
from seqlab.tasks.feature_classification import FeatureConfig, make_model, make_task
from seqlab.tasks.feature_data import FeatureReader
from seqlab.tasks.feature_prediction import classify
from seqlab.train import make_train_step
from seqlab.train.state import initial_state
from tests.contracts.cases import jit


def films(seed, size):
    """A bright column that moves to the left or to the right, of two channels, the second of which is constant."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(size):
        num_frames = 4 - int(rng.random() < 0.25)
        frames = np.full((num_frames, 4, 4, 2), 3.0, np.float32)
        frames[..., 0] = rng.normal(0, 0.1, (num_frames, 4, 4))
        frames[np.arange(num_frames), :, np.arange(num_frames), 0] += 1
        backward = number % 2 == 1
        rows.append(LabelledFeatures(frames[::-1] if backward else frames, "left" if backward else "right", number + 1))
    return rows


SPLITS = FeatureSplits(films(0, 24), films(1, 8), films(2, 10), {}, "columns", "none")
CONFIG = FeatureConfig(
    recurrent=RecurrentConfig("vanilla", hidden_size=8, engine="scan"),
    convolution=ConvolutionConfig(conv_layers=1, conv_size=4, conv_kernel=3, conv_pool=2),
    frame_pooling="flatten",
    batch_size=8,
    eval_batch_size=8,
)
READER = FeatureReader.build(SPLITS.train, "activity", permuted=False, shortest=5)


@functools.cache
def task_of():
    return make_task(CONFIG, SPLITS)


@functools.cache
def trained():
    task = task_of()
    optimizer = make_optimizer(OptimizerConfig("adam", 0.03), steps_per_epoch=1, total_steps=40)
    step = jit(make_train_step(task, optimizer, Hyper()))
    state = jit(lambda: initial_state(task, optimizer, seed=3))()
    losses = []
    for number in range(40):
        state, info = step(state, task.splits.train.batch(number))
        assert bool(info.finite)
        losses.append(float(info.metrics["loss"].compute()))
    return state.params, losses


@functools.cache
def applied():
    return jit(apply_with(make_model(CONFIG, READER), trained()[0]))


@pytest.mark.slow
def test_order_in_time_is_learned_where_single_frames_tell_nothing():
    _, losses = trained()
    assert losses[-1] < 0.5 * losses[0]
    answers = classify(applied(), [row.features for row in SPLITS.test], READER)
    assert [answer["label"] for answer in answers] == [row.label for row in SPLITS.test]
    baselines = task_of().baselines()
    assert baselines.keys() == {"majority", "nearest centroid", "single frames"}
    assert baselines["single frames"]["test"]["accuracy"] < 0.9
    assert np.isfinite(baselines["single frames"]["validation"]["loss"])


def test_padding_frames_change_no_answer_and_hold_no_evidence():
    apply = applied()
    frames = READER.encode(SPLITS.test[0].features, "here")
    short = apply(jnp.asarray(frames[None]), jnp.array([len(frames)]))
    padded = np.full((1, 8, *frames.shape[1:]), np.nan, np.float32)
    padded[0, : len(frames)] = frames
    long = apply(jnp.asarray(padded), jnp.array([len(frames)]))
    np.testing.assert_allclose(short.logits, long.logits, rtol=1e-4, atol=1e-5)
    assert not np.asarray(long.weights)[0, len(frames) :].any()


def test_channels_are_scaled_over_all_places_and_the_reader_is_read_again(tmp_path):
    assert (READER.shape, READER.shortest) == ((4, 4, 2), 1)
    pixels = np.concatenate([frames.reshape(-1, 2) for frames in READER.rows(SPLITS.train).inputs])
    np.testing.assert_allclose(pixels.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(pixels.std(axis=0), [1, 0], atol=1e-4)
    for name, save in READER.artifacts().items():
        save(tmp_path / name)
    assert FeatureReader.load(tmp_path, "activity", False, 5) == READER


def test_clips_of_another_shape_are_refused_and_answers_are_of_each_frame():
    apply, rows = applied(), SPLITS.test[:2]
    answers = classify(apply, [row.features for row in rows], READER)
    assert [answer["label"] for answer in answers] == [row.label for row in rows]
    assert [answer["steps"] for answer in answers] == [len(row.features) for row in rows]
    with pytest.raises(DataError, match="line 1: expected frames of 4 x 4 x 2 a time step, found shape"):
        classify(apply, [np.zeros((3, 4, 5, 2))], READER)


def test_frames_too_small_for_the_convolutions_are_refused_when_the_task_is_made():
    wide = ConvolutionConfig(conv_layers=1, conv_kernel=5, conv_padding="valid")
    with pytest.raises(SeqlabError, match="frames of 4 x 4 pixels: expected at least 5 in each direction"):
        make_task(FeatureConfig(convolution=wide), SPLITS)
