"""Forecasting and filtering from the command line: two steps, then predictions."""

import json

import pytest

from tests.experiments.launching import launch, refused

SMALL = [
    "--task=forecasting",
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--lookback=8",
    "--horizon=3",
    "--season=4",
    "--batch_size=8",
    "--eval_batch_size=8",
    "--output_distribution=gaussian",
    "--splits=0.6,0.2,0.2",
    "--num_steps=2",
]


def rows_of(months):
    dates = [f"{1990 + month // 12}-{month % 12 + 1:02}" for month in months]
    return [f"{date},{(month % 4) + 0.1 * (month * 7 % 5)},x" for month, date in zip(months, dates, strict=True)]


@pytest.fixture
def series(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["month,rain,note", *rows_of(range(80))]) + "\n")
    return path


def test_a_file_is_learned_scored_drawn_and_asked(tmp_path, series):
    folder = tmp_path / "run"
    own = [f"--dataset=csv:{series}", "--target_columns=rain", f"--run_dir={folder}"]
    launched = launch("run", *SMALL, *own)
    assert launched.status == 0, launched.err
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["baselines"].keys() == {"persistence", "seasonal naive", "linear"}
    for scores in (summary, *summary["baselines"].values()):
        for split in ("validation", "test"):
            assert 0 <= scores[split]["coverage_50"] <= scores[split]["coverage_90"] <= 1
            assert {"mse", "mae", "mase", "crps", "rmse_in_units", "by_column"} <= scores[split].keys()
    assert (folder / "plots" / "forecast_1.png").read_bytes().startswith(b"\x89PNG")

    recent = "\n".join(["month,rain", *(row.removesuffix(",x") for row in rows_of(range(70, 80)))]).encode()
    answered = launch("predict", f"--run_dir={folder}", "--input=-", stdin=recent)
    assert (answered.status, answered.err) == (0, "")
    answers = [json.loads(line) for line in answered.out.splitlines()]
    assert [answer["date"][:7] for answer in answers] == ["1996-09", "1996-10", "1996-11"]
    for answer in answers:
        rain = answer["rain"]
        assert rain["low_90"] < rain["low_50"] < rain["forecast"] < rain["high_50"] < rain["high_90"]

    error = refused("predict", f"--run_dir={folder}", "--input=-", stdin=b"\n".join(recent.split(b"\n")[:6]))
    assert error.startswith("standard input: expected at least 8 rows, --lookback=8 of the run; found 5")
    error = refused("predict", f"--run_dir={folder}", "--input=-", stdin=recent.replace(b"1996-05", b"1996-06"))
    assert error.startswith("standard input:9: expected a date after 1996-06-01")


def test_wrong_files_are_said_before_anything_is_trained(tmp_path, series):
    own = [f"--dataset=csv:{series}", f"--run_dir={tmp_path / 'run'}"]
    assert refused("run", *SMALL, *own).startswith(f"{series}:2: expected a finite number in column 'note'; found 'x'")
    assert "unknown column 'snow'" in refused("run", *SMALL, *own, "--target_columns=snow")
    error = refused("run", *SMALL, *own, "--target_columns=rain", "--lookback=60")
    assert error.startswith(f"{series}: expected at least 63 rows")


def test_a_filter_is_learned_and_asked(tmp_path, monkeypatch):
    from seqlab.data.synthetic import generated

    monkeypatch.setattr(generated, "VALIDATION_ROWS", 16)
    monkeypatch.setattr(generated, "TEST_ROWS", 16)
    folder = tmp_path / "run"
    flags = ["--task=filtering", "--missing_rate=0.2", "--sequence_length=6", "--hidden_size=4", "--cell=gru_d"]
    sizes = ["--engine=scan", "--batch_size=8", "--eval_batch_size=16", "--num_steps=2"]
    launched = launch("run", *flags, *sizes, f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    summary = json.loads((folder / "summary.json").read_text())
    ratio = summary["test"]["mse"] / summary["baselines"]["kalman"]["test"]["mse"]
    assert summary["test"]["over_kalman"] == pytest.approx(ratio, rel=1e-4)
    assert (folder / "plots" / "filtered_1.png").read_bytes().startswith(b"\x89PNG")
    answered = launch("predict", f"--run_dir={folder}", "--prompt=[0.5, null, -1]")
    assert json.loads(answered.out)["steps"] == 3
