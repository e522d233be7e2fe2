import numpy as np

from seqlab.data.synthetic.figures import LABELS, LONGEST, SHORTEST, figure_splits, film, make_films, render

PAIRS = {"sits down": "stands up", "raises an arm": "lowers an arm", "walks right": "walks left"}


def test_films_are_the_same_ones_every_time_in_even_shares_and_of_many_lengths():
    splits = figure_splits()
    assert [len(split) for split in splits] == [600, 150, 300]
    for split in splits:
        labels, counts = np.unique([row.label for row in split], return_counts=True)
        assert labels.tolist() == list(LABELS)
        assert np.ptp(counts) <= 1
        assert {len(row.features) for row in split} == set(range(SHORTEST, LONGEST + 1))
    again = make_films(np.random.default_rng(1), 150)
    assert all((row.features == other.features).all() for row, other in zip(splits[1], again, strict=True))


def test_a_label_of_a_pair_is_the_other_ones_film_backward():
    assert {LABELS[one][0] for one in PAIRS} == {LABELS[other][0] for other in PAIRS.values()}
    assert not any(LABELS[one][1] for one in PAIRS)
    assert all(LABELS[other][1] for other in PAIRS.values())
    rows = make_films(np.random.default_rng(3), 40)
    rng = np.random.default_rng(3)
    rng.permutation(40)
    forward = film(rng, [LABELS[row.label][0] for row in rows])
    for row, frames in zip(rows, forward, strict=True):
        np.testing.assert_array_equal(row.features, frames[::-1] if LABELS[row.label][1] else frames)


def test_figures_move_as_their_labels_say():
    films = make_films(np.random.default_rng(0), 160)

    def places(label):
        """Mean row and column of the bright pixels, frame by frame, over many films."""
        rows = [row.features[..., 0] for row in films if row.label == label]
        bright = [np.clip(film - 0.6 * film.max(), 0, None) for film in rows]
        y, x = np.indices((24, 24))
        return np.array([[(b[at] * y).sum() / b[at].sum() for at in (0, -1)] for b in bright]), np.array(
            [[(b[at] * x).sum() / b[at].sum() for at in (0, -1)] for b in bright]
        )

    first, last = places("sits down")[0].mean(axis=0)
    assert last > first + 1  # Downward.
    first, last = places("raises an arm")[0].mean(axis=0)
    assert last < first - 0.5
    first, last = places("walks right")[1].mean(axis=0)
    assert last > first + 5
    first, last = places("walks left")[1].mean(axis=0)
    assert last < first - 5


def test_a_pixel_is_as_bright_as_it_is_near_to_a_line():
    starts, ends = np.array([3.0, 10.0])[None, :, None], np.array([8.0, 10.0])[None, :, None]
    (frame,) = render(starts, ends)
    np.testing.assert_allclose(frame[8:13, 5], [0, 0.2, 1, 0.2, 0], atol=1e-6)
    np.testing.assert_allclose(frame[10, [1, 2, 8, 9, 10]], [0, 0.2, 1, 0.2, 0], atol=1e-6)
    assert frame.sum() == frame[9:12, 2:10].sum()
