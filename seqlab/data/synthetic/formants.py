"""Pairs of vowels, sung without a break: which two, and in which order, is the word.

A vowel is told by its *formants*, the resonances of the vocal tract, of which two do. The voice gives the harmonics of
a pitch f_0; a resonance at F with bandwidth b lets a frequency f pass by

    A(f) = F^2 / sqrt((F^2 - f^2)^2 + (b f)^2)

so that the sound is sum_k A_1(k f_0) A_2(k f_0) sin(2 pi k f_0 t) / k. The formants move from the first vowel's to
the second's somewhere in the middle. Speakers differ in pitch and in the length of the tract, which scales all
formants; the pitch falls a little, and there is noise. "ai" and "ia" hold the same frames in another order: what is
averaged over time is much alike.

References:
    Peterson and Barney (1952), Control methods used in a study of the vowels: the formants.
    Fant (1960), Acoustic theory of speech production.
"""

import numpy as np

from seqlab.data.loaders.recordings import SpokenWord

FORMANTS = {"a": (730.0, 1090.0), "i": (270.0, 2290.0), "u": (300.0, 870.0)}
BANDWIDTHS = (90.0, 110.0)
WORDS = ("ai", "au", "ia", "iu", "ua", "ui")
RATE, TOP_HZ, PIECE = 8000, 3400.0, 40
SIZES = {"train": 360, "validation": 90, "test": 180}


def make_word(rng: np.random.Generator, label: str) -> SpokenWord:
    """Says a word in a voice drawn for it, for 0.25 to 0.45 s."""
    num_pieces = int(rng.integers(RATE // 4, RATE * 9 // 20)) // PIECE
    num_samples = num_pieces * PIECE
    progress = np.arange(num_samples) / num_samples
    pitch = rng.uniform(90, 250) * (1 - rng.uniform(0, 0.2) * progress)
    turn = np.exp(2j * np.pi * np.cumsum(pitch) / RATE)  # Its powers are the harmonics.
    # Gains change slowly: they are computed at the ends of pieces of 5 ms, and lines are drawn between.
    ends = np.arange(num_pieces + 1) / num_pieces
    pitch_at_ends = np.interp(ends, progress, pitch)
    turning, pace = rng.uniform(0.4, 0.6), rng.uniform(0.04, 0.1)
    share = 1 / (1 + np.exp(-(ends - turning) / pace))  # Of the second vowel.
    tract = rng.uniform(0.85, 1.2)
    first, second = (tract * np.array(FORMANTS[vowel]) for vowel in label)
    sound, wave = np.zeros((num_pieces, PIECE)), np.ones(num_samples, np.complex128)
    for harmonic in range(1, int(TOP_HZ / pitch.max()) + 1):
        wave *= turn
        gain = np.full(len(ends), 1 / harmonic)
        for place, bandwidth in enumerate(BANDWIDTHS):
            formant = first[place] + (second[place] - first[place]) * share
            gain *= _resonance(harmonic * pitch_at_ends, formant, bandwidth)
        lines = gain[:-1, None] + np.diff(gain)[:, None] * (np.arange(PIECE) / PIECE)
        sound += lines * wave.imag.reshape(sound.shape)
    envelope = np.minimum(1, 12 * np.minimum(progress, 1 - progress))
    sound = sound.ravel() * envelope / np.abs(sound).max() * rng.uniform(0.1, 0.9)
    sound += rng.normal(0, 0.003, num_samples)
    # Rounded to 16 bits, as a file would hold it.
    samples = (np.clip(np.round(sound * 32768), -32768, 32767) / 32768).astype(np.float32)
    return SpokenWord(samples, RATE, label)


def formant_splits() -> tuple[list[SpokenWord], list[SpokenWord], list[SpokenWord]]:
    """Training, validation and test words; always the same ones, each word equally often.

    >>> train, validation, test = formant_splits()
    >>> len(train), len(validation), len(test), train[0].label
    (360, 90, 180, 'ai')
    """
    train, validation, test = (
        [make_word(rng, WORDS[index % len(WORDS)]) for index in range(size)]
        for rng, size in zip(map(np.random.default_rng, range(3)), SIZES.values(), strict=True)
    )
    return train, validation, test


def _resonance(hz: np.ndarray, formant: np.ndarray, bandwidth: float) -> np.ndarray:
    return formant**2 / np.sqrt((formant**2 - hz**2) ** 2 + (bandwidth * hz) ** 2)
