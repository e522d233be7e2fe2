"""Words that are whistled: what is said, and when, must be found in a recording of some seconds.

A word is one or two glides between two pitches. "rise fall" and "peak" differ by the pause between the glides alone,
and a word may come twice in a row, so a model has to hear pauses. Each recording has a voice of its own: pitch, tempo,
loudness and overtones; pauses are of random length, and there is noise throughout.
"""

import numpy as np

from seqlab.data.loaders.transcripts import Utterance
from seqlab.data.loaders.wav import Recording

RATE = 8000
LOW, HIGH = 450.0, 1100.0
# Of each glide its first and last pitch in Hz, and its length in seconds.
WORDS = {
    "low": [(LOW, LOW, 0.16)],
    "high": [(HIGH, HIGH, 0.16)],
    "rise": [(LOW, HIGH, 0.18)],
    "fall": [(HIGH, LOW, 0.18)],
    "peak": [(LOW, HIGH, 0.14), (HIGH, LOW, 0.14)],
    "dip": [(HIGH, LOW, 0.14), (LOW, HIGH, 0.14)],
}
SIZES = {"train": 400, "validation": 60, "test": 150}
FEWEST_WORDS, MOST_WORDS = 2, 6
SHORTEST_PAUSE, LONGEST_PAUSE = 0.08, 0.35
NOISE = 0.01
Parts = tuple[list[Utterance], list[Utterance], list[Utterance]]


def tone_word_splits() -> Parts:
    """Training, validation and test part, always the same recordings."""
    train, validation, test = (
        [whistle(np.random.default_rng((number, row)), f"tone_words {name} {row + 1}") for row in range(size)]
        for number, (name, size) in enumerate(SIZES.items())
    )
    return train, validation, test


def whistle(rng: np.random.Generator, source: str) -> Utterance:
    """Draws words and a voice, and says the words in it.

    >>> whistle(np.random.default_rng(0), "a.wav").transcript
    'fall fall high high low low'
    """
    words = rng.choice(list(WORDS), rng.integers(FEWEST_WORDS, MOST_WORDS + 1)).tolist()
    voice = {"pitch": rng.uniform(0.85, 1.2), "tempo": rng.uniform(0.8, 1.25), "overtone": rng.uniform(0, 0.5)}
    pieces = [_pause(rng)]
    for word in words:
        pieces += [_glides(WORDS[word], **voice), _pause(rng)]
    samples = rng.uniform(0.1, 0.5) * np.concatenate(pieces)
    samples += rng.normal(0, NOISE, len(samples))
    return Utterance(Recording(samples.astype(np.float32), RATE, source), " ".join(words))


def _pause(rng: np.random.Generator) -> np.ndarray:
    return np.zeros(int(RATE * rng.uniform(SHORTEST_PAUSE, LONGEST_PAUSE)))


def _glides(glides: list[tuple[float, float, float]], pitch: float, tempo: float, overtone: float) -> np.ndarray:
    """The glides of a word without a break in their phase, fading in and out."""
    hertz = np.concatenate([np.linspace(first, last, int(RATE * long / tempo)) for first, last, long in glides])
    phase = 2 * np.pi * np.cumsum(pitch * hertz) / RATE
    fade = np.minimum(1, np.minimum(np.arange(len(phase)), np.arange(len(phase))[::-1]) / (0.02 * RATE))
    return fade * (np.sin(phase) + overtone * np.sin(2 * phase)) / (1 + overtone)
