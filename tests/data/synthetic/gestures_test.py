import numpy as np

from seqlab.data.synthetic.gestures import LABELS, gesture_splits, make_gesture


def test_gestures_are_what_their_labels_say():
    rng = np.random.default_rng(1)
    rows = [make_gesture(rng) for _ in range(300)]
    assert {row.label for row in rows} == set(LABELS)
    for row in rows:
        assert 30 <= len(row.features) <= 60
        first, second, third = row.features.T
        if row.label in ("raise", "lower"):
            assert (first[-5:].mean() > first[:5].mean()) == (row.label == "raise")
        if row.label.endswith("clockwise"):
            # The area that the turning pair goes round, by its sign.
            x, y = first - first.mean(), second - second.mean()
            area = (x[:-1] * y[1:] - x[1:] * y[:-1]).sum()
            assert (area > 0) == (row.label == "counterclockwise")
        if row.label == "shake":
            assert third.std() > max(first.std(), second.std())


def test_the_splits_are_drawn_from_streams_of_their_own():
    first = [split[0].features for split in gesture_splits()]
    assert len({row.tobytes() for row in first}) == 3
