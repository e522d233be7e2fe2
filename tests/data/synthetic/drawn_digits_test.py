import numpy as np

from seqlab.data.synthetic.drawn_digits import STROKES, draw_digit


def test_every_digit_is_drawn_with_strokes_of_its_own():
    assert len({frozenset(strokes) for strokes in STROKES}) == 10
    rng = np.random.default_rng(0)
    rows = [draw_digit(rng) for _ in range(200)]
    assert {row.label for row in rows} == set("0123456789")
    ink = {label: np.mean([row.features.sum() for row in rows if row.label == label]) for label in "18"}
    assert ink["8"] > ink["1"] + 3
    assert all(row.features.min() >= 0 and row.features.max() <= 1 for row in rows)
