"""How far a piano roll keeps the rules of counterpoint, whoever wrote it.

Voices are told apart by their height: the lowest note of a frame belongs to the lowest voice. Where two frames have
different numbers of notes, nobody can say which voice moved where, and the move keeps no rule.

    in_key         notes of the scale (of the twelve major scales, the one that has most of them)
    voices         frames with as many notes as most frames have
    consonant      frames with at least two notes, no second, fourth, tritone or seventh above the lowest, and no
                   second, tritone or seventh between others
    no_parallels   moves without parallel fifths, octaves or unisons
    small_steps    moves in which no voice leaps by more than a fifth
"""

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
CONSONANT_ABOVE_BASS = (0, 3, 4, 7, 8, 9)
DISSONANT = (1, 2, 6, 10, 11)
FIFTH = 7


def rules_kept(rolls: Sequence[np.ndarray]) -> dict[str, float]:
    """The share of notes, frames or moves of all rolls [T, 88] that keep each rule; 0 where there are none.

    >>> roll = np.zeros((2, 88), np.uint8)
    >>> roll[0, [39, 46]] = roll[1, [41, 48]] = 1  # Parallel fifths: C-G, D-A.
    >>> rules_kept([roll])["no_parallels"], rules_kept([roll])["small_steps"]
    (0.0, 1.0)
    """
    counts = {name: np.zeros(2) for name in ("in_key", "voices", "consonant", "no_parallels", "small_steps")}
    for roll in rolls:
        frames = [np.flatnonzero(frame) for frame in roll]
        notes = np.concatenate(frames)
        # The key of column 0 is an A, but only differences matter to the best of twelve scales.
        in_scales = [np.isin((notes - tonic) % 12, MAJOR_SCALE).sum() for tonic in range(12)]
        counts["in_key"] += max(in_scales), len(notes)
        sizes = np.array([len(frame) for frame in frames])
        counts["voices"] += np.bincount(sizes).max(), len(frames)
        counts["consonant"] += sum(map(_consonant, frames)), len(frames)
        moves = list(pairwise(frames))
        counts["no_parallels"] += sum(_no_parallels(*move) for move in moves), len(moves)
        counts["small_steps"] += sum(_small_steps(*move) for move in moves), len(moves)
    return {name: float(kept / asked) if asked else 0.0 for name, (kept, asked) in counts.items()}


def _consonant(notes: np.ndarray) -> bool:
    if len(notes) < 2:
        return False
    upper = combinations(notes[1:].tolist(), 2)
    return bool(np.isin((notes[1:] - notes[0]) % 12, CONSONANT_ABOVE_BASS).all()) and not any(
        (high - low) % 12 in DISSONANT for low, high in upper
    )


def _no_parallels(before: np.ndarray, after: np.ndarray) -> bool:
    if len(before) != len(after):
        return False
    for low, high in combinations(range(len(before)), 2):
        intervals = (before[high] - before[low]) % 12, (after[high] - after[low]) % 12
        moved = before[low] != after[low] and before[high] != after[high]
        if moved and intervals in ((0, 0), (FIFTH, FIFTH)):
            return False
    return True


def _small_steps(before: np.ndarray, after: np.ndarray) -> bool:
    return len(before) == len(after) and bool((np.abs(after - before) <= FIFTH).all())
