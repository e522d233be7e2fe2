import json

import matplotlib.image
import numpy as np
from matplotlib.figure import Figure

from seqlab.report.spectrogram import draw_spectrogram, plot_spectrograms

LEVELS = [[-80.0, -80.0, 0.0, -80.0, -80.0]] * 3 + [[-80.0] * 5] * 3


def test_sounds_are_drawn_beside_each_other_and_nothing_where_there_are_none(tmp_path):
    plot_spectrograms(tmp_path / "spectrograms.json", tmp_path / "plots" / "a.png")
    assert not (tmp_path / "plots").exists()
    sound = {"title": "yes", "levels": LEVELS, "first_seconds": 0.01, "frame_seconds": 0.01, "high_hz": 4000.0}
    (tmp_path / "spectrograms.json").write_text(json.dumps([sound] * 4))
    plot_spectrograms(tmp_path / "spectrograms.json", tmp_path / "plots" / "a.png")
    picture = matplotlib.image.imread(tmp_path / "plots" / "a.png")[..., 0]
    middle = picture.shape[1] // 3
    # Two rows of pictures, the second of one: as much black in the upper left as in the lower left.
    above, below = np.array_split(picture[:, :middle] < 0.05, 2)
    assert above.sum() > 1000
    assert abs(int(above.sum()) - int(below.sum())) < 0.2 * above.sum()


def test_the_axes_are_seconds_and_hz_and_the_loudest_is_black():
    axes = Figure().add_subplot()
    draw_spectrogram(axes, LEVELS, first_seconds=0.0125, frame_seconds=0.01, high_hz=4000.0)
    (image,) = axes.images
    np.testing.assert_allclose(image.get_extent(), [0.0075, 0.0675, -500, 4500])
    assert axes.get_ylim() == (0, 4000)
    assert image.get_clim() == (-60, 0)
    assert np.asarray(image.get_array())[2].tolist() == [0, 0, 0, -80, -80, -80]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("seconds", "Hz")
