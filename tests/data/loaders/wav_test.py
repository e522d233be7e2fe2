import contextlib
import io
import struct
import wave

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.loaders.wav import Recording, decode_wav, read_wav, resample

# How far a sample may be from what was written: half a step of the integers, and one more at the largest.
STEPS = {"PCM_U8": 2**-7, "PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 1e-7, "FLOAT": 1e-7, "DOUBLE": 1e-7}


def encoded(samples, subtype="PCM_16", rate=8000):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype=subtype, format="WAV")
    return file.getvalue()


def sine(num_samples=500, hz=440.0, rate=8000):
    return 0.9 * np.sin(2 * np.pi * hz * np.arange(num_samples) / rate)


@given(seed=st.integers(0, 100), subtype=st.sampled_from(sorted(STEPS)), num_channels=st.integers(1, 3))
@settings(max_examples=30)
def test_samples_of_any_width_are_read_back_and_channels_averaged(seed, subtype, num_channels):
    samples = np.random.default_rng(seed).uniform(-1, 1, (50, num_channels))
    found = decode_wav(encoded(samples, subtype, 11025), "a.wav")
    assert (found.rate, found.source, found.samples.dtype) == (11025, "a.wav", np.float32)
    np.testing.assert_allclose(found.samples, samples.mean(axis=1), atol=STEPS[subtype])


def test_integers_are_scaled_by_the_power_of_two_of_their_width(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<3h", -32768, 0, 16384))
    assert read_wav(tmp_path / "a.wav").samples.tolist() == [-1.0, 0.0, 0.5]


def test_a_file_that_was_cut_short_is_refused_wherever_the_cut_is():
    for subtype in ("PCM_16", "FLOAT"):
        whole = encoded(sine(20), subtype)
        assert len(decode_wav(whole, "a.wav").samples) == 20
        for end in range(len(whole)):
            with pytest.raises(DataError, match=r"^a\.wav: "):
                decode_wav(whole[:end], "a.wav")
    with pytest.raises(DataError, match="byte 36: expected 1000 bytes of 'data', found 900: it was cut short"):
        decode_wav(encoded(sine())[:-100], "a.wav")


def test_chunks_that_hold_no_sound_are_passed_over_before_and_behind_the_data():
    whole = encoded(sine(20))
    note = b"LIST" + struct.pack("<I", 3) + b"abc" + b"\0"  # A chunk of odd size is followed by a byte of padding.
    found = decode_wav(whole[:36] + note + whole[36:] + note, "a.wav")
    np.testing.assert_array_equal(found.samples, decode_wav(whole, "a.wav").samples)


def test_what_is_no_sound_is_refused():
    not_finite = sine()
    not_finite[7] = np.nan
    for content, message in [
        (b"", "byte 0: expected a WAV file"),
        (b"fLaC" + bytes(100), "byte 0: expected a WAV file"),
        (encoded(np.zeros(0)), "found 0 samples"),
        (encoded(not_finite, "FLOAT"), r"sample 7: expected a number in \[-1, 1\], found \[nan\]"),
        (encoded(np.array([0, np.inf]), "DOUBLE"), r"sample 1: .* found \[inf\]"),
        (encoded(20000 * sine(), "FLOAT"), "Scale floats"),
        (encoded(sine(), rate=10), "1000 to 768000 samples a second, found 10"),
    ]:
        with pytest.raises(DataError, match=message):
            decode_wav(content, "a.wav")
    with pytest.raises(DataError, match=r"none\.wav: the file cannot be read"):
        read_wav("none.wav")


@given(place=st.integers(0, 59), byte=st.integers(0, 255))
@settings(max_examples=60)
def test_a_byte_that_is_changed_gives_finite_samples_or_a_data_error(place, byte):
    content = bytearray(encoded(sine(8)))
    content[place] = byte
    # A defect of ours, or of libsndfile, would be an error of another kind.
    with contextlib.suppress(DataError):
        assert np.isfinite(decode_wav(bytes(content), "a.wav").samples).all()


@pytest.mark.parametrize(("old", "new"), [(44100, 8000), (8000, 16000), (22050, 16000)])
def test_resampling_keeps_a_tone_and_the_duration(old, new):
    recording = Recording(sine(old, 1000.0, old).astype(np.float32), old, "a.wav")
    found = resample(recording, new)
    assert (found.rate, len(found.samples), found.seconds) == (new, new, recording.seconds)
    # Both ends ring, as the tone begins and breaks off there.
    np.testing.assert_allclose(found.samples[200:-200], sine(new, 1000.0, new)[200:-200], atol=1e-4)


def test_resampling_filters_out_what_the_lower_rate_cannot_hold():
    recording = Recording(sine(44100, 5000.0, 44100).astype(np.float32), 44100, "a.wav")
    assert np.abs(resample(recording, 8000).samples[200:-200]).max() < 1e-4


def test_resampling_to_the_same_rate_returns_the_recording_and_to_an_absurd_one_is_refused():
    recording = Recording(np.zeros(3, np.float32), 8000, "a.wav")
    assert resample(recording, 8000) is recording
    assert len(resample(Recording(np.zeros(1, np.float32), 768000, "a.wav"), 1000).samples) == 1
    with pytest.raises(SeqlabError, match="must lie in"):
        resample(recording, 1)
