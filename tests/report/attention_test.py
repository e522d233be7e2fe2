import json

from seqlab.report.attention import plot_attention


def test_every_example_is_drawn_and_no_file_is_no_picture(tmp_path):
    plot_attention(tmp_path / "attention.json", tmp_path / "plots")
    assert not (tmp_path / "plots").exists()
    examples = [{"source": ["a", "b"], "target": ["c", ""], "weights": [[0.2, 0.8], [1.0, 0.0]]}] * 2
    (tmp_path / "attention.json").write_text(json.dumps(examples))
    plot_attention(tmp_path / "attention.json", tmp_path / "plots")
    pictures = sorted((tmp_path / "plots").iterdir())
    assert [path.name for path in pictures] == ["attention_1.png", "attention_2.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
