import numpy as np
import pytest

from seqlab.data.loaders.recordings import SpokenWord
from seqlab.data.synthetic.connected_digits import DIGITS, digit_strings

# Each speaker says digit d by 100 samples of one frequency of its own, so that the digits can be found again.
RATE, LONG = 8000, 100


def words(speakers):
    found = []
    for number, speaker in enumerate(speakers):
        for digit in range(10):
            hz = RATE * (2 + digit + 12 * number) / LONG
            samples = 0.4 * np.sin(2 * np.pi * hz * np.arange(LONG) / RATE)
            found.append(SpokenWord(samples.astype(np.float32), RATE, str(digit), speaker=speaker))
    return found


def test_a_string_holds_its_digits_in_order_by_one_speaker_with_gains_and_pauses():
    gains, pauses = [], []
    for row in digit_strings(words(["a", "b"]), 20, seed=3, name="s"):
        samples, said = row.recording.samples, row.transcript.split()
        sounding = np.convolve(np.abs(samples), np.ones(30) / 30, "same") > 0.04
        edges = np.flatnonzero(np.diff(sounding.astype(int)))
        starts, ends = edges[::2], edges[1::2]
        assert len(starts) == len(said)
        for start, end, word in zip(starts, ends, said, strict=True):
            middle = (start + end) // 2
            piece = samples[middle - LONG // 2 : middle + LONG // 2]
            spectrum = np.abs(np.fft.rfft(piece))
            assert spectrum.argmax() == 2 + DIGITS.index(word) + 12 * "ab".index(row.speaker)
            gains.append(spectrum.max() / (0.4 * LONG / 2))
        pauses += (starts[1:] - ends[:-1]).tolist()
    assert min(gains) == pytest.approx(0.5, rel=0.1)
    assert max(gains) == pytest.approx(2, rel=0.1)
    assert min(pauses) < 0.08 * RATE < 0.3 * RATE < max(pauses)


def test_speakers_take_turns_and_a_seed_decides_everything():
    strings, again, other = (digit_strings(words(["a", "b", "c"]), 9, seed=seed, name="s") for seed in (0, 0, 1))
    assert [row.speaker for row in strings] == ["a", "b", "c"] * 3
    for first, second in zip(strings, again, strict=True):
        np.testing.assert_array_equal(first.recording.samples, second.recording.samples)
    assert [row.transcript for row in strings] == [row.transcript for row in again]
    assert [row.transcript for row in strings] != [row.transcript for row in other]
