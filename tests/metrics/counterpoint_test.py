import numpy as np
import pytest

from seqlab.metrics.counterpoint import rules_kept


def roll_of(*chords):
    roll = np.zeros((len(chords), 88), np.uint8)
    for frame, chord in enumerate(chords):
        roll[frame, np.array(chord, int) - 21] = 1
    return roll


@pytest.mark.parametrize(
    ("chords", "rule", "share"),
    [
        ([(60, 64), (62, 65)], "in_key", 1.0),
        ([(60, 64), (61, 66)], "in_key", 0.75),
        ([(61, 65), (63, 66)], "in_key", 1.0),  # In D flat major.
        ([(60, 64), (62, 65), (60,)], "voices", 2 / 3),
        ([(60, 64), (60, 65), (60, 67), (60, 66)], "consonant", 0.5),
        ([(60, 67, 72), (60, 64, 69), (60, 68, 70), (60,)], "consonant", 0.5),
        ([(60, 67), (62, 69), (62, 69)], "no_parallels", 0.5),  # Fifths that stand still are no parallels.
        ([(60, 72), (62, 74), (64, 72)], "no_parallels", 0.5),
        ([(60, 67), (53, 72)], "no_parallels", 0.0),  # A twelfth is a fifth, and contrary motion does not help.
        ([(60, 64), (60,), (62,)], "no_parallels", 0.5),
        ([(60, 64), (67, 71), (59, 71)], "small_steps", 0.5),
        ([(60,), ()], "small_steps", 0.0),
    ],
)
def test_a_rule_is_kept_by_the_share_of_what_keeps_it(chords, rule, share):
    assert rules_kept([roll_of(*chords)])[rule] == pytest.approx(share)


def test_all_rules_are_blind_to_transposition():
    chords = [(60, 64, 67), (59, 65, 67), (60, 64, 72), (60, 67)]
    low, high = (rules_kept([np.roll(roll_of(*chords), by, axis=1)]) for by in (-13, 8))
    assert low == high == rules_kept([roll_of(*chords)])


def test_of_no_music_no_rule_is_kept():
    assert set(rules_kept([]).values()) == {0.0}
