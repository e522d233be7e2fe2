import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.audio_features import AudioConfig
from seqlab.data.labelled_features import FeatureSplits
from seqlab.data.loaders.recordings import SpokenWord
from seqlab.data.loaders.wav import resample
from seqlab.data.splits import DataSplits
from seqlab.data.spoken_words import WordSplits
from seqlab.data.synthetic.formants import WORDS, make_word
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.layers.spec_augment import SpecAugmentConfig
from seqlab.tasks import feature_classification
from seqlab.tasks.feature_classification import FeatureConfig, augmentation
from seqlab.tasks.spoken_words import features_of, make_task, save_spectrograms, spectrogram
from tests.contracts.cases import jit
from tests.tasks.learning import learn

AUDIO = AudioConfig(num_bands=12, hop_ms=20.0)
MASKS = SpecAugmentConfig(time_masks=1, frequency_masks=1, frequency_mask_width=3)


@functools.cache
def words() -> WordSplits:
    rng = np.random.default_rng(5)
    train, validation, test = (
        [make_word(rng, label)._replace(name=f"{label}.wav") for label in WORDS[:2] * size] for size in (8, 2, 2)
    )
    return DataSplits(train, validation, test, {}, "words", "none")


def config_of(**changes):
    layers = RecurrentConfig("vanilla", hidden_size=6, engine="scan")
    options = {"task": "spoken_words", "recurrent": layers, "pooling": "mean", "batch_size": 8, "eval_batch_size": 4}
    return FeatureConfig(**{**options, "masks": MASKS, **changes})


@functools.cache
def task_of(**changes):
    return make_task(config_of(**changes), AUDIO, words())


def test_the_loss_of_a_batch_of_words_falls_with_masks_whatever_stands_at_padding():
    task = task_of()
    batch = task.splits.train.batch(0)
    padding = np.full((len(batch.inputs), 3, AUDIO.num_features), np.nan, np.float32)
    padded = batch._replace(inputs=np.concatenate([batch.inputs, padding], axis=1))
    _, losses = learn(task, [padded] * 20, jit=jit)
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.7 * losses[0]


def test_what_is_masked_in_training_is_drawn_anew_for_each_key():
    augment = augmentation(config_of())
    assert augment is not None
    first, second = (
        np.asarray(augment(jnp.ones((64, 20, 8)), jnp.full(64, 20), jax.random.key(seed))) for seed in range(2)
    )
    assert 0.05 < (first == 0).mean() < 0.5
    assert (first != second).any()
    assert augmentation(config_of(masks=SpecAugmentConfig())) is None


def test_features_of_the_training_split_are_standardised():
    batches = [task_of().splits.train.batch(step) for step in range(2)]
    frames = np.concatenate(
        [row[:length] for batch in batches for row, length in zip(batch.inputs, batch.lengths, strict=True)]
    )
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(frames.std(axis=0), 1, atol=1e-4)


def test_spectrograms_are_kept_of_one_recording_of_each_word(tmp_path):
    save_spectrograms(tmp_path / "spectrograms.json", words().validation, AUDIO)
    pictures = json.loads((tmp_path / "spectrograms.json").read_text())
    assert [picture["title"] for picture in pictures] == ["ai (ai.wav)", "au (au.wav)"]


def test_a_spectrogram_says_where_a_tone_is_in_seconds_and_hz():
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    picture = spectrogram(SpokenWord(tone.astype(np.float32), 16000, "a"), AudioConfig())
    levels = np.array(picture["levels"])
    # A second of sound, and the frequency of the loudest row.
    assert picture["first_seconds"] + (len(levels) - 1) * picture["frame_seconds"] == pytest.approx(
        1 - 0.0125, abs=0.01
    )
    loudest = levels.argmax(axis=1) / (levels.shape[1] - 1) * picture["high_hz"]
    np.testing.assert_allclose(loudest, 1000, atol=20)


def test_recordings_of_any_rate_have_the_same_features_but_for_the_edge_of_the_filter():
    word = words().train[0].recording
    there_and_back = resample(resample(word, 32000), 8000)
    difference = np.abs(features_of(resample(word, 32000), AUDIO) - features_of(word, AUDIO))
    assert np.abs(there_and_back.samples[: len(word.samples)] - word.samples).mean() < 0.002
    # All but the highest bands, which the filter between the rates reaches.
    assert np.median(difference[:, :10]) < 0.02


def test_options_of_other_tasks_and_words_too_short_for_the_convolutions_are_refused():
    # It is refused before any row is looked at.
    sensors: FeatureSplits = DataSplits([], [], [], {}, "", "")
    with pytest.raises(SeqlabError, match="--time_masks and --frequency_masks are for --task=spoken_words"):
        feature_classification.make_task(config_of(task="activity"), sensors)
    with pytest.raises(SeqlabError, match="--permute_pixels is for"):
        make_task(config_of(permute_pixels=True), AUDIO, words())
    valid = ConvolutionConfig(conv_layers=3, conv_kernel=15, conv_padding="valid")
    with pytest.raises(DataError, match="expected at least 43 time steps"):
        make_task(config_of(convolution=valid), AUDIO, words())
