"""Counterpoint by rule: two to four voices, note against note, in C major or C minor.

A piece has four to eight phrases of eight frames. Its chords are those in which

    the voices keep their order and their ranges, all notes belong to the scale,
    the intervals above the lowest voice are consonant, and no two other voices are dissonant,

and from one chord to the next no voice moves by more than a fifth and no two voices move in parallel fifths, octaves
or unisons. Every phrase ends, and the piece begins, on the triad of C. Among the chords that may follow, those are more
probable that are near; they are drawn given that the phrase's end can be reached, which a backward recursion knows.
So the distribution of the next chord is known, and with it what no model of independent keys can go below.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from seqlab.data.loaders.midi import LOWEST_KEY, NUM_KEYS
from seqlab.data.loaders.piano_rolls import Parts, Piece

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
TRIADS = {"major": (0, 4, 7), "minor": (0, 3, 7)}
# MIDI numbers of the lowest and the highest note of each voice, from the lowest voice upwards.
RANGES = {
    2: ((48, 64), (60, 79)),
    3: ((48, 62), (55, 69), (64, 79)),
    4: ((48, 60), (55, 67), (60, 72), (67, 79)),
}
ABOVE_BASS = {0, 3, 4, 7, 8, 9}
DISSONANT = {1, 2, 6, 10, 11}
PERFECT = {0, 7}
PHRASE, LARGEST_STEP = 8, 7
NUM_PHRASES = (4, 8)
SIZES = {"train": 240, "validation": 60, "test": 100}


class Style(NamedTuple):
    """The chords of a mode and a number of voices, and what may follow them.

    Attributes:
        chords: MIDI numbers, from the lowest voice upwards [N, voices].
        rolls: the same as keys of a piano [N, 88].
        following: for each number of frames that are then left of the phrase, the probability of each chord after
            each [8, N, N]; rows that cannot reach the phrase's end are zero.
        cumulative: the sums of these up to each chord.
        first: probability of a first chord [N].
    """

    chords: np.ndarray
    rolls: np.ndarray
    following: np.ndarray
    cumulative: np.ndarray
    first: np.ndarray


@cache
def style_of(mode: str, num_voices: int) -> Style:
    """The style of a mode, ``major`` or ``minor``, with two to four voices."""
    voices = [[note for note in range(low, high + 1) if note % 12 in SCALES[mode]] for low, high in RANGES[num_voices]]
    chords = np.array([chord for chord in product(*voices) if _is_legal_chord(chord)])
    rolls = np.zeros((len(chords), NUM_KEYS), np.uint8)
    np.put_along_axis(rolls, chords - LOWEST_KEY, 1, axis=1)
    nearness = _nearness(chords)
    ends = (chords[:, 0] % 12 == 0) & np.isin(chords % 12, TRIADS[mode]).all(axis=1)
    # reach[i]: the weight of all ways from chord i to a phrase's end, in as many frames as the loop has come by.
    reach, following = ends.astype(float), []
    for _ in range(PHRASE):
        weights = nearness * reach
        reach = weights.sum(axis=1)
        following.append(weights / np.where(reach > 0, reach, 1)[:, None])
    probabilities = np.stack(following)
    return Style(chords, rolls, probabilities, probabilities.cumsum(axis=-1), ends / ends.sum())


def make_piece(rng: np.random.Generator, mode: str, num_voices: int) -> np.ndarray:
    """Draws a piece [T, 88] of four to eight phrases."""
    style = style_of(mode, num_voices)
    frames = PHRASE * int(rng.integers(NUM_PHRASES[0], NUM_PHRASES[1] + 1))
    path = [_draw(rng, style.first.cumsum())]
    for frame in range(1, frames):
        path.append(_draw(rng, style.cumulative[_left(frame), path[-1]]))
    return style.rolls[path]


def counterpoint_splits() -> Parts:
    """Training, validation and test pieces, of both modes and all numbers of voices; always the same ones.

    >>> train, validation, test = counterpoint_splits()
    >>> len(train), len(validation), len(test), train[0].roll.shape
    (240, 60, 100, (64, 88))
    """
    rng = np.random.default_rng(0)
    parts = []
    for name, size in SIZES.items():
        kinds = [(mode, voices) for mode in SCALES for voices in RANGES]
        drawn = [kinds[number % len(kinds)] for number in range(size)]
        rolls = enumerate((make_piece(rng, *kind) for kind in drawn), start=1)
        parts.append([Piece(roll, f"counterpoint: {name}:{number}") for number, roll in rolls])
    return parts[0], parts[1], parts[2]


def independent_optimum(pieces: Sequence[Piece]) -> float:
    """Nats a frame, from the second on, of the best model whose keys are independent given the frames before.

    It knows mode, voices and phrases, and gives each key its probability among the chords that may follow.
    """
    total, count = 0.0, 0
    for piece in pieces:
        style, path = _recognise(piece.roll)
        for frame in range(1, len(path)):
            marginals = style.following[_left(frame), path[frame - 1]] @ style.rolls
            right = np.where(style.rolls[path[frame]] > 0, marginals, 1 - marginals)
            total -= float(np.log(right).sum())
        count += len(path) - 1
    return total / count


def _draw(rng: np.random.Generator, cumulative: np.ndarray) -> int:
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))


def _left(frame: int) -> int:
    """Frames of the phrase after this one."""
    return PHRASE - 1 - frame % PHRASE


def _is_legal_chord(chord: tuple[int, ...]) -> bool:
    bass, *upper = chord
    return (
        all(low < high for low, high in zip(chord, upper, strict=False))
        and all((note - bass) % 12 in ABOVE_BASS for note in upper)
        and not any((high - low) % 12 in DISSONANT for low, high in combinations(upper, 2))
    )


def _nearness(chords: np.ndarray) -> np.ndarray:
    """exp(-mean motion / 2) from each chord to each [N, N], zero where the rules forbid it."""
    moves = chords[None, :] - chords[:, None]
    legal = (np.abs(moves) <= LARGEST_STEP).all(axis=-1) & (moves != 0).any(axis=-1)
    for low, high in combinations(range(chords.shape[1]), 2):
        interval = (chords[:, high] - chords[:, low]) % 12
        parallel = (interval[:, None] == interval[None, :]) & np.isin(interval, list(PERFECT))[:, None]
        legal &= ~(parallel & (moves[..., low] != 0) & (moves[..., high] != 0))
    return np.where(legal, np.exp(-np.abs(moves).mean(axis=-1) / 2), 0.0)


def _recognise(roll: np.ndarray) -> tuple[Style, list[int]]:
    """The style that a generated piece was drawn from, and the numbers of its chords."""
    num_voices, found = int(roll[0].sum()), []
    for mode in SCALES:
        style = style_of(mode, num_voices)
        numbers = {chord.tobytes(): number for number, chord in enumerate(style.rolls)}
        path = [numbers.get(np.ascontiguousarray(frame).tobytes(), -1) for frame in roll]
        if min(path) >= 0:
            found.append((style, path))
    return max(found, key=lambda pair: _log_probability(*pair))


def _log_probability(style: Style, path: list[int]) -> float:
    steps = [style.following[_left(frame), path[frame - 1], path[frame]] for frame in range(1, len(path))]
    return sum(math.log(step) if step > 0 else -math.inf for step in steps)
