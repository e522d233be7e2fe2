"""The oracle's own cutting of rows, by hand: everything else is held to it."""

import numpy as np

from tests.contracts.oracle import sequences


def cut(steps, resets, reverse):
    return [
        (piece.tolist(), afresh) for piece, afresh in sequences(np.array(steps, int), np.array(resets, bool), reverse)
    ]


def test_a_row_without_resets_is_one_sequence_from_the_first_carry():
    assert cut([0, 1, 2], [0, 0, 0, 0], reverse=False) == [([0, 1, 2], False)]
    assert cut([2, 1, 0], [0, 0, 0, 0], reverse=True) == [([2, 1, 0], False)]


def test_a_row_is_cut_before_each_reset_and_read_backward_piece_by_piece():
    assert cut([0, 1, 2, 3], [0, 0, 1, 0], reverse=False) == [([0, 1], False), ([2, 3], True)]
    assert cut([3, 2, 1, 0], [0, 0, 1, 0], reverse=True) == [([3, 2], False), ([1, 0], True)]


def test_a_reset_at_the_first_step_forgets_the_first_carry_forward_alone():
    assert cut([0, 1], [1, 0, 0], reverse=False) == [([0, 1], True)]
    assert cut([1, 0], [1, 0, 0], reverse=True) == [([1, 0], False)]


def test_a_reset_where_no_step_exists_cuts_nothing():
    assert cut([0, 2], [0, 1, 0], reverse=False) == [([0, 2], False)]
    assert cut([2, 0], [0, 1, 0], reverse=True) == [([2, 0], False)]


def test_a_row_without_steps_holds_no_sequence():
    assert cut([], [1, 1], reverse=False) == []
