"""Writes what librosa makes of a sound, for ``tests/data/audio_features_test.py`` to compare with.

How to regenerate, with any Python that has librosa and numpy (made here with librosa 0.11.0 and numpy 2.4.6):

    python tests/golden/generate_librosa.py

librosa puts a window into the middle of its transform, and seqlab at the beginning; so the windows here fill theirs.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

# By name, as librosa is in no extra that the type checker of this project sees.
librosa: Any = importlib.import_module("librosa")

RATE, WINDOW, HOP, NUM_BANDS, NUM_COEFFICIENTS, LOW_HZ, LEAST_ENERGY = 16000, 512, 160, 26, 13, 100.0, 1e-8


def main() -> None:
    """Writes ``librosa.npz``: samples [N], log_mel [T, B], mfcc [T, C]."""
    rng = np.random.default_rng(0)
    seconds = np.arange(2400) / RATE
    samples = 0.3 * np.sin(2 * np.pi * 440 * seconds) + 0.2 * np.sin(2 * np.pi * 2000 * seconds**2 * 10)
    samples = (samples + rng.normal(0, 0.01, len(samples))).astype(np.float32)
    energies = librosa.feature.melspectrogram(
        y=samples.astype(np.float64),
        sr=RATE,
        n_fft=WINDOW,
        hop_length=HOP,
        window="hann",
        center=False,
        power=2.0,
        n_mels=NUM_BANDS,
        fmin=LOW_HZ,
        fmax=RATE / 2,
        htk=True,
        norm=None,
    )
    log_mel = np.log(np.maximum(energies, LEAST_ENERGY))
    mfcc = librosa.feature.mfcc(S=log_mel, n_mfcc=NUM_COEFFICIENTS, dct_type=2, norm="ortho")
    arrays = {"log_mel": log_mel.T.astype(np.float32), "mfcc": mfcc.T.astype(np.float32)}
    np.savez(Path(__file__).with_name("librosa.npz"), samples=samples, **arrays)


if __name__ == "__main__":
    main()
