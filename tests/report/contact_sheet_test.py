import numpy as np

from seqlab.report.contact_sheet import TitledClip, chosen_frames, plot_contact_sheet


def test_clips_in_gray_in_colours_and_of_unequal_length_are_drawn(tmp_path):
    rng = np.random.default_rng(0)
    clips = [
        TitledClip(str(channels), rng.normal(size=(frames, 3, 4, channels))) for frames, channels in [(2, 1), (25, 3)]
    ]
    plot_contact_sheet(clips, tmp_path / "plots" / "clips.png")
    assert (tmp_path / "plots" / "clips.png").read_bytes().startswith(b"\x89PNG")


def test_frames_that_are_drawn_are_different_ones_from_the_first_to_the_last():
    for num_frames in (1, 19, 20, 21, 100):
        chosen = chosen_frames(num_frames)
        assert (chosen[0], chosen[-1], len(set(chosen))) == (0, num_frames - 1, min(num_frames, 20))
