from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.data.audio_features import (
    AudioConfig,
    audio_features,
    band_hz,
    cosine_transform,
    mel_filters,
    num_frames,
    power_spectrum,
)

CONFIG = AudioConfig()
GOLDEN = Path(__file__).parents[1] / "golden" / "librosa.npz"


def noise(seed, num_samples):
    return np.random.default_rng(seed).normal(0, 0.1, num_samples)


def tone(hz, rate=8000, num_samples=4000):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(num_samples) / rate)


def test_log_mel_and_mfcc_are_those_of_librosa():
    golden = np.load(GOLDEN)
    options = {"sample_rate": 16000, "window_ms": 32.0, "num_bands": 26, "low_hz": 100.0}
    log_mel = audio_features(golden["samples"], AudioConfig("log_mel", **options))
    mfcc = audio_features(golden["samples"], AudioConfig("mfcc", **options))
    # The tolerance is that of float32, in which the golden values are stored.
    np.testing.assert_allclose(log_mel, golden["log_mel"], atol=2e-5)
    np.testing.assert_allclose(mfcc, golden["mfcc"], atol=5e-5)


@given(seed=st.integers(0, 100), num_samples=st.integers(1, 900), hop_ms=st.sampled_from([5.0, 10.0, 12.5]))
@settings(max_examples=25)
def test_the_power_of_a_frame_is_the_energy_of_its_windowed_samples(seed, num_samples, hop_ms):
    config = AudioConfig(hop_ms=hop_ms)
    samples = noise(seed, num_samples)
    power = power_spectrum(samples, config)
    assert len(power) == num_frames(num_samples, config) == len(audio_features(samples, config))
    padded = np.pad(samples, (0, max(0, config.window - num_samples)))
    window = np.sin(np.pi * np.arange(config.window) / config.window) ** 2
    for place, frame in enumerate(power):
        energy = ((padded[place * config.hop :][: config.window] * window) ** 2).sum()
        # Parseval; of a real signal's frequencies all but the first and the last stand for two.
        total = (frame.sum() * 2 - frame[0] - frame[-1]) / config.fft_size
        np.testing.assert_allclose(total, energy, rtol=1e-10)


@pytest.mark.parametrize("hz", [150, 440, 1000, 2200, 3500])
def test_a_pure_tone_peaks_in_the_band_whose_centre_is_nearest_in_mel(hz):
    features = audio_features(tone(hz), CONFIG)
    mel = 2595 * np.log10(1 + band_hz(CONFIG)[1:-1] / 700)
    nearest = np.abs(mel - 2595 * np.log10(1 + hz / 700)).argmin()
    # Between two centres the wider of both bands may win.
    assert (np.abs(features.argmax(axis=1) - nearest) <= 1).all()
    assert np.ptp(features[:, nearest]) < 0.2


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_a_sound_that_comes_some_hops_later_has_its_frames_as_much_later(kind):
    config = AudioConfig(kind)
    samples = noise(1, 3000)
    later = audio_features(np.concatenate([noise(2, 3 * config.hop), samples]), config)
    np.testing.assert_allclose(later[3:], audio_features(samples, config), atol=1e-5)


@given(factor=st.floats(0.1, 10))
@settings(max_examples=20)
def test_a_louder_sound_adds_a_constant_to_log_mel_and_changes_the_first_coefficient_alone(factor):
    samples = noise(3, 1000)
    moved = audio_features(factor * samples, CONFIG) - audio_features(samples, CONFIG)
    np.testing.assert_allclose(moved, 2 * np.log(factor), atol=1e-4)
    mfcc = AudioConfig("mfcc", num_coefficients=20)
    moved = audio_features(factor * samples, mfcc) - audio_features(samples, mfcc)
    np.testing.assert_allclose(moved[:, 0], 2 * np.log(factor) * np.sqrt(mfcc.num_bands), atol=1e-4)
    np.testing.assert_allclose(moved[:, 1:], 0, atol=1e-4)


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_without_the_mean_loudness_and_a_filter_change_nothing(kind):
    config = AudioConfig(kind, subtract_mean=True)
    plain = audio_features(noise(5, 3000), config)
    np.testing.assert_allclose(plain.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(audio_features(3 * noise(5, 3000), config), plain, atol=1e-4)
    # A short filter, which hardly reaches from one window into another.
    sound, filtered = noise(5, 3001)[1:], np.diff(noise(5, 3001))
    with_mean, without = (
        np.abs(audio_features(filtered, of) - audio_features(sound, of)).mean() for of in (AudioConfig(kind), config)
    )
    assert without < 0.2 * with_mean


def test_silence_is_the_log_of_the_least_energy():
    np.testing.assert_allclose(audio_features(np.zeros(1000), CONFIG), np.log(CONFIG.least_energy), rtol=1e-6)


def test_all_coefficients_are_a_rotation_of_the_log_mel_energies():
    matrix = cosine_transform(40)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(40), atol=1e-12)
    mfcc = audio_features(noise(4, 1000), AudioConfig("mfcc", num_coefficients=40))
    np.testing.assert_allclose(mfcc @ matrix, audio_features(noise(4, 1000), CONFIG), atol=1e-5)


def test_between_the_outer_centres_the_filters_of_a_frequency_sum_to_one():
    centres = band_hz(CONFIG)[1:-1]
    hz = np.arange(CONFIG.fft_size // 2 + 1) * CONFIG.sample_rate / CONFIG.fft_size
    inside = (hz >= centres[0]) & (hz <= centres[-1])
    filters = mel_filters(CONFIG)
    np.testing.assert_allclose(filters[:, inside].sum(axis=0), 1, atol=1e-12)
    assert filters.min() == 0


def test_windows_that_are_too_short_for_the_bands_and_impossible_numbers_are_refused():
    for options, message in [
        ({"kind": "fbank"}, "one of log_mel, mfcc; got 'fbank'"),
        ({"num_bands": 200}, "num_bands 200 is too many"),
        ({"high_hz": 5000.0}, "<= 4000.0 Hz"),
        ({"low_hz": 4000.0}, "low_hz < high_hz"),
        ({"kind": "mfcc", "num_coefficients": 41}, "num_coefficients <= num_bands"),
        ({"hop_ms": 0.0}, "hops 1"),
        ({"least_energy": 0.0}, "above 0"),
    ]:
        with pytest.raises(SeqlabError, match=message):
            AudioConfig(**options)
    for samples in (np.zeros(0), np.zeros((10, 2)), np.array([0.0, np.nan])):
        with pytest.raises(SeqlabError, match="finite numbers"):
            audio_features(samples, CONFIG)
