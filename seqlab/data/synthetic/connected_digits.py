"""Spoken digits one after the other, joined from recordings of single ones.

A string has three to seven digits of one speaker. Each digit is a random recording of it, as loud as the draw says,
within 6 dB; pauses last 20 to 400 ms, and faint noise lies over all of it. Strings are drawn by a seed for each part,
from recordings of that part alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from seqlab.data.loaders.recordings import SpokenWord
from seqlab.data.loaders.transcripts import Utterance
from seqlab.data.loaders.wav import Recording

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FEWEST, MOST = 3, 7
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.4
MAX_DECIBELS = 6.0
NOISE = 1e-3


def digit_strings(words: Sequence[SpokenWord], size: int, *, seed: int, name: str) -> list[Utterance]:
    """``size`` strings of digits; as many of each speaker as can be.

    Args:
        words: recordings whose labels are 0 to 9, every digit of every speaker among them, all of one rate.
        size: how many strings.
        seed: of the draws.
        name: what messages call the strings.

    >>> words = [SpokenWord(np.ones(80, np.float32), 8000, str(digit), speaker="her") for digit in range(10)]
    >>> digit_strings(words, 1, seed=0, name="strings")[0].transcript
    'six five two three zero zero zero'
    """
    by_speaker: dict[str, dict[int, list[SpokenWord]]] = {}
    for word in words:
        by_speaker.setdefault(word.speaker, {}).setdefault(int(word.label), []).append(word)
    speakers = sorted(by_speaker)
    strings = []
    for row in range(size):
        speaker = speakers[row % len(speakers)]
        strings.append(_string(np.random.default_rng((seed, row)), by_speaker[speaker], speaker, f"{name} {row + 1}"))
    return strings


def _string(
    rng: np.random.Generator, recordings: Mapping[int, Sequence[SpokenWord]], speaker: str, source: str
) -> Utterance:
    digits = rng.integers(0, len(DIGITS), rng.integers(FEWEST, MOST + 1)).tolist()
    rate = recordings[digits[0]][0].rate
    pieces = [_pause(rng, rate)]
    for digit in digits:
        word = recordings[digit][int(rng.integers(len(recordings[digit])))]
        gain = 10 ** (rng.uniform(-MAX_DECIBELS, MAX_DECIBELS) / 20)
        pieces += [gain * word.samples, _pause(rng, rate)]
    samples = np.concatenate(pieces)
    samples = np.clip(samples + rng.normal(0, NOISE, len(samples)), -1, 1).astype(np.float32)
    return Utterance(Recording(samples, rate, source), " ".join(DIGITS[digit] for digit in digits), speaker)


def _pause(rng: np.random.Generator, rate: int) -> np.ndarray:
    return np.zeros(int(rate * rng.uniform(SHORTEST_PAUSE, LONGEST_PAUSE)))
