import json
import math

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from seqlab.report.plots import plot_learning_curve

RECORDS = [
    {"step": 2, "split": "train", "bits": 5.0},
    {"step": 4, "split": "train", "bits": None},
    {"step": 6, "split": "train", "bits": 3.0},
    {"step": 6, "split": "validation", "bits": 4.0},
    {"step": 6, "split": "test", "bits": 4.5},
]
SUMMARY = {"best_step": 6, "baselines": {"unigram": {"validation": {"bits": 4.8}, "test": {"bits": 4.9}}}}


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """Draws records; gives the picture's pixels and its axes."""
    figures = []
    save = Figure.savefig

    def remember(figure, *args, **kwargs):
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", remember)

    def drawn(records, summary):
        metrics, target = tmp_path / "metrics.jsonl", tmp_path / "plots" / "learning_curve.png"
        metrics.write_text("".join(json.dumps(record) + "\n" for record in records))
        plot_learning_curve(metrics, target, "bits", summary)
        return matplotlib.image.imread(target), figures[-1].axes[0]

    return drawn


def test_the_picture_is_large_enough_and_not_blank(draw):
    pixels, _ = draw(RECORDS, SUMMARY)
    assert pixels.shape[0] >= 400
    assert pixels.shape[1] >= 600
    # The middle of the axes, where lines are and no labels.
    height, width = pixels.shape[:2]
    assert pixels[height // 4 : -height // 4, width // 4 : -width // 4, :3].std() > 0.01


def test_training_and_validation_are_lines_and_the_test_is_not_drawn(draw):
    _, axes = draw(RECORDS, SUMMARY)
    lines = {line.get_label(): line for line in axes.get_lines()}
    np.testing.assert_array_equal(lines["train"].get_xdata(), [2, 4, 6])
    np.testing.assert_array_equal(np.array(lines["train"].get_ydata(), float), [5.0, np.nan, 3.0])
    np.testing.assert_array_equal(lines["validation"].get_ydata(), [4.0])
    assert not any(4.5 in np.asarray(line.get_ydata(), float) for line in lines.values())
    assert axes.get_ylabel() == "bits"


def test_of_a_score_that_no_step_has_the_loss_is_drawn_without_baselines(draw):
    records = [{"step": step, "split": "validation", "loss": 3.0 - step} for step in (1, 2)]
    _, axes = draw(records, SUMMARY)
    assert axes.get_ylabel() == "loss"
    assert [line.get_label() for line in axes.get_lines()] == ["validation", "best step"]


def test_baselines_and_the_best_step_are_marked(draw):
    _, axes = draw(RECORDS, SUMMARY)
    assert [text.get_text() for text in axes.texts] == ["unigram"]
    assert any(np.allclose(np.asarray(line.get_ydata(), float), 4.8) for line in axes.get_lines())
    assert any(line.get_label() == "best step" and list(line.get_xdata()) == [6, 6] for line in axes.get_lines())


@pytest.mark.parametrize("value", [math.inf, math.nan, None])
def test_a_baseline_that_is_not_finite_has_no_line(draw, value):
    _, axes = draw(RECORDS, {"baselines": {"unigram": {"validation": {"bits": value}}}})
    assert len(axes.get_lines()) == 2
    assert len(axes.texts) == 0


@pytest.mark.parametrize("records", [[], RECORDS[:1]], ids=["no records", "training alone"])
def test_a_run_that_came_to_nothing_is_drawn_without_marks(draw, records):
    _, axes = draw(records, {"best_step": -1})
    assert len(axes.get_lines()) == len(records)
