import json

from seqlab.report.alignment import plot_alignments


def test_a_picture_is_drawn_for_each_recording_and_none_without_a_file(tmp_path):
    plot_alignments(tmp_path / "alignment.json", tmp_path / "plots")
    assert not (tmp_path / "plots").exists()
    example = {
        "spectrogram": {
            "title": "a.wav",
            "levels": [[0.0, 1.0], [2.0, -1.0], [0.0, 0.5], [1.0, 0.0]],
            "first_seconds": 0.005,
            "frame_seconds": 0.01,
            "high_hz": 4000.0,
        },
        "labels": ["blank", " ", "o"],
        "probabilities": [[0.2, 0.0, 0.8], [0.5, 0.5, 0.0]],
        "first_seconds": 0.01,
        "seconds_each": 0.02,
        "words": [{"word": "o", "start_seconds": 0.0, "end_seconds": 0.02}],
    }
    silent = {**example, "words": []}
    (tmp_path / "alignment.json").write_text(json.dumps([example, silent]))
    plot_alignments(tmp_path / "alignment.json", tmp_path / "plots")
    pictures = [(tmp_path / "plots" / f"alignment_{number}.png").read_bytes() for number in (1, 2)]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]
