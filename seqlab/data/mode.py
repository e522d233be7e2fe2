"""The key of a piece, major or minor, by how long each of the twelve tones sounds (Krumhansl, 1990).

The shares of the twelve pitch classes are correlated with the profile of each of the 24 keys, which is how well
listeners said that a tone fits after a cadence in it. The key of the highest correlation is the estimate.

References:
    Krumhansl, Cognitive foundations of musical pitch, 1990, chapter 4; the profiles are those of Krumhansl and Kessler,
    1982.
"""

from typing import NamedTuple

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.loaders.midi import LOWEST_KEY, NUM_KEYS

MODES = ("major", "minor")
# From the tonic upwards, in semitones.
PROFILES = np.array(
    [
        [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
        [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
    ]
)


class MusicalKey(NamedTuple):
    """A key.

    Attributes:
        tonic: its first tone, in semitones above C, 0 to 11.
        mode: ``major`` or ``minor``.
    """

    tonic: int
    mode: str


def pitch_class_counts(roll: np.ndarray) -> np.ndarray:
    """How many frames each pitch class sounds in [12], C first; keys that are octaves apart add up."""
    counts = np.zeros(12, np.int64)
    np.add.at(counts, (np.arange(NUM_KEYS) + LOWEST_KEY) % 12, roll.astype(np.int64).sum(axis=0))
    return counts


def estimate_key(roll: np.ndarray) -> MusicalKey:
    """The key whose profile correlates best with the pitch classes of a roll [T, 88].

    Raises:
        SeqlabError: a roll without notes.

    >>> roll = np.zeros((2, 88), np.uint8)
    >>> roll[0, [39, 43, 46]] = roll[1, [39, 44, 48]] = 1  # C-E-G, C-F-A
    >>> estimate_key(roll)
    MusicalKey(tonic=0, mode='major')
    """
    counts = pitch_class_counts(roll).astype(float)
    if not counts.any():
        raise SeqlabError("a key is estimated of a roll with notes; got one without.")
    # rotated[m, k]: the profile of mode m on tonic k; of a centred product the profiles' own means drop out.
    rotated = np.stack([[np.roll(profile, tonic) for tonic in range(12)] for profile in PROFILES])
    norms = np.linalg.norm(PROFILES - PROFILES.mean(axis=1, keepdims=True), axis=1)
    correlations = rotated @ (counts - counts.mean()) / norms[:, None]
    mode, tonic = np.unravel_index(correlations.argmax(), correlations.shape)
    return MusicalKey(int(tonic), MODES[int(mode)])
