import json

from seqlab.report.forecast import plot_forecasts


def test_every_window_becomes_a_picture_and_no_file_none(tmp_path):
    rows = [[1.0, 2.0], [None, 3.0], [2.0, 4.0]]
    plain = {"columns": ["a", "b"], "read": rows, "came": rows, "forecast": rows}
    spread = {f"{end}_{percent}": rows for end in ("low", "high") for percent in (50, 90)}
    source = tmp_path / "forecasts.json"
    plot_forecasts(source, tmp_path / "plots")
    assert not (tmp_path / "plots").exists()
    source.write_text(json.dumps([plain, {**plain, **spread, "read": []}]))
    plot_forecasts(source, tmp_path / "plots")
    pictures = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert pictures == ["forecast_1.png", "forecast_2.png"]
    first, second = ((tmp_path / "plots" / name).read_bytes() for name in pictures)
    assert first.startswith(b"\x89PNG")
    assert first != second
