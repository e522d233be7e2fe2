"""What a piece of music is predicted by without a model of it: each key for itself.

    marginal   P(key k sounds), the share of the training frames
    markov     P(key k sounds | whether it sounded in the frame before)

Every count begins at a half, so that a key that never sounds is not impossible (Krichevsky and Trofimov, 1981).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqlab.data.loaders.piano_rolls import Piece
from seqlab.data.rolls import RollSplits

Draw = Callable[[int], np.ndarray]


def baseline_scores(pieces: RollSplits) -> dict[str, dict[str, Any]]:
    """The scores of both on validation and test; each piece's first frame is given."""
    marginal, markov = marginals(pieces.train), markov_table(pieces.train)
    held_out = {"validation": pieces.validation, "test": pieces.test}
    return {
        "marginal": {name: _scores(split, np.stack([marginal, marginal])) for name, split in held_out.items()},
        "markov": {name: _scores(split, markov) for name, split in held_out.items()},
    }


def marginals(pieces: Sequence[Piece]) -> np.ndarray:
    """The probability of each key [88]."""
    frames = np.concatenate([piece.roll for piece in pieces])
    return (frames.sum(axis=0) + 0.5) / (len(frames) + 1)


def markov_table(pieces: Sequence[Piece]) -> np.ndarray:
    """The probability of each key after a frame in which it was silent, and in which it sounded [2, 88]."""
    before = np.concatenate([piece.roll[:-1] for piece in pieces])
    after = np.concatenate([piece.roll[1:] for piece in pieces])
    return np.stack(
        [
            (((before == state) & (after == 1)).sum(axis=0) + 0.5) / ((before == state).sum(axis=0) + 1)
            for state in (0, 1)
        ]
    )


def draw_marginal(pieces: Sequence[Piece], rng: np.random.Generator) -> Draw:
    """A function that draws pieces of so many frames, each key by its share of the training frames."""
    probabilities = marginals(pieces)
    return lambda num_frames: (rng.random((num_frames, len(probabilities))) < probabilities).astype(np.uint8)


def _scores(pieces: Sequence[Piece], table: np.ndarray) -> dict[str, float]:
    """Scores of the probabilities after silence and after sound [2, 88]."""
    nats, hits, on, predicted, expected, expected_hits = [], 0.0, 0.0, 0.0, 0.0, 0.0
    for piece in pieces:
        before, targets = piece.roll[:-1], piece.roll[1:]
        p = np.where(before == 1, table[1], table[0])
        nats.append(-np.log(np.where(targets == 1, p, 1 - p)).sum(axis=1))
        hits += float((targets * (p > 0.5)).sum())
        on += float(targets.sum())
        predicted += float((p > 0.5).sum())
        expected_hits += float((targets * p).sum())
        expected += float(p.sum())
    return {
        "nll": float(np.concatenate(nats).mean()),
        "nll_by_piece": float(np.mean([row.mean() for row in nats])),
        "frame_accuracy": hits / max(1.0, on + predicted - hits),
        "expected_frame_accuracy": expected_hits / (on + expected - expected_hits),
    }
