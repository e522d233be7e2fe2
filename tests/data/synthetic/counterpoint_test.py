import numpy as np
import pytest

from seqlab.data.mode import estimate_key
from seqlab.data.synthetic.counterpoint import (
    LARGEST_STEP,
    PHRASE,
    RANGES,
    SCALES,
    counterpoint_splits,
    independent_optimum,
    style_of,
)
from seqlab.metrics.counterpoint import rules_kept

TRAIN, VALIDATION, TEST = counterpoint_splits()
EVERY = [*TRAIN, *VALIDATION, *TEST]
KINDS = [(mode, voices) for mode in SCALES for voices in RANGES]


def test_every_piece_keeps_every_rule():
    assert set(rules_kept([piece.roll for piece in EVERY]).values()) == {1.0}


def test_every_phrase_ends_on_the_triad_of_c_over_a_c():
    for piece in EVERY:
        assert len(piece.roll) % PHRASE == 0
        for frame in [0, *range(PHRASE - 1, len(piece.roll), PHRASE)]:
            notes = np.flatnonzero(piece.roll[frame]) + 21
            assert notes[0] % 12 == 0
            assert set(notes % 12) <= {0, 3, 4, 7}


def test_modes_and_numbers_of_voices_are_as_frequent_and_the_mode_can_be_heard():
    for number, piece in enumerate(TRAIN):
        mode, voices = KINDS[number % len(KINDS)]
        assert (piece.roll.sum(axis=1) == voices).all()
        wrong = {"major": {3, 8, 10}, "minor": {4, 9, 11}}[mode]
        assert not wrong & set((np.flatnonzero(piece.roll.any(axis=0)) + 21) % 12)
    heard = [estimate_key(piece.roll).mode == KINDS[number % 6][0] for number, piece in enumerate(TRAIN)]
    assert np.mean(heard) > 0.9


def test_pieces_are_always_the_same_and_all_different():
    assert [piece.place for piece in TRAIN[:2]] == ["counterpoint: train:1", "counterpoint: train:2"]
    again = counterpoint_splits()[2]
    assert all((one.roll == other.roll).all() for one, other in zip(TEST, again, strict=True))
    assert len({piece.roll.tobytes() for piece in EVERY}) == len(EVERY)


@pytest.mark.parametrize(("mode", "voices"), KINDS)
def test_what_may_follow_a_chord_is_a_distribution_over_legal_moves(mode, voices):
    style = style_of(mode, voices)
    sums = style.following.sum(axis=-1)
    assert np.all(np.isclose(sums, 1) | (sums == 0))
    moves = np.abs(style.chords[None] - style.chords[:, None]).max(axis=-1)
    assert (style.following[:, moves > LARGEST_STEP] == 0).all()
    last = style.following[0].sum(axis=0) > 0
    assert (style.chords[last][:, 0] % 12 == 0).all()


def test_the_optimum_of_independent_keys_is_below_a_markov_chain_of_each_key():
    # That of seqlab.tasks.music_baselines has 8.53 on these pieces.
    assert 5 < independent_optimum(TEST) < 8
