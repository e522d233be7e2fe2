import json

import matplotlib.image
import numpy as np

from seqlab.report.piano_roll import plot_generated, plot_piano_roll


def test_a_picture_of_each_piece_is_drawn_and_none_where_nothing_was_made(tmp_path):
    plot_generated(tmp_path / "generated.json", tmp_path / "plots")
    assert not (tmp_path / "plots").exists()
    pieces = [{"name": name, "prefix_frames": 1, "notes": [[60, 64], [], [67]]} for name in ("a", "b")]
    (tmp_path / "generated.json").write_text(json.dumps(pieces))
    plot_generated(tmp_path / "generated.json", tmp_path / "plots")
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["a.png", "b.png"]


def test_notes_are_drawn_and_those_that_were_given_in_gray(tmp_path):
    def blue_and_gray(notes, prefix_frames):
        plot_piano_roll(notes, tmp_path / "a.png", prefix_frames=prefix_frames)
        red, green, blue = np.moveaxis(matplotlib.image.imread(tmp_path / "a.png")[..., :3], -1, 0)
        gray = (np.abs(red - 0.5) < 0.01) & (np.abs(green - 0.5) < 0.01) & (np.abs(blue - 0.5) < 0.01)
        return int((blue - red > 0.4).sum()), int(gray.sum())

    silent, free, given = (blue_and_gray(*case) for case in (([[], []], 0), ([[60], [72]], 0), ([[60], [72]], 1)))
    assert silent[0] == 0
    assert free[0] > 1000
    assert given[0] < 0.6 * free[0]
    assert given[1] > free[1] + 1000
