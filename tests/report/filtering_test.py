import json

from seqlab.report.filtering import plot_filtered


def test_every_sequence_becomes_a_picture_and_no_file_none(tmp_path):
    rows = [[1.0, 2.0], [0.5, 3.0], [2.0, 4.0]]
    kinds = ("truth", "estimate", "filter", "filter_deviation")
    one = {"states": ["a", "b"], "filter_name": "kalman", "observed": [1.0, None, 2.0], **dict.fromkeys(kinds, rows)}
    source = tmp_path / "filtered.json"
    plot_filtered(source, tmp_path / "plots")
    assert not (tmp_path / "plots").exists()
    source.write_text(json.dumps([one, {**one, "observed": [None] * 3}]))
    plot_filtered(source, tmp_path / "plots")
    pictures = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert pictures == ["filtered_1.png", "filtered_2.png"]
    first, second = ((tmp_path / "plots" / name).read_bytes() for name in pictures)
    assert first.startswith(b"\x89PNG")
    assert first != second
