import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from seqlab.report.gradient_flow import Curve, curve, factor_per_step, flow_table, plot_gradient_flow


def falling(factor, steps):
    median = [float(factor**step) for step in range(steps)]
    return Curve(median, [0.5 * value for value in median], [2.0 * value for value in median], [3] * steps)


def test_only_sequences_that_reach_a_distance_count_there():
    norms = np.array([[1.0, 5.0, 0.0], [2.0, 0.0, 0.0], [9.0, 7.0, 0.0]])
    exists = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0]], bool)
    found = curve(norms, exists)
    assert found.median == [2.0, 5.0]
    assert found.sequences == [3, 2]
    assert (found.low, found.high) == ([1.0, 5.0], [9.0, 7.0])


def test_an_infinite_norm_does_not_spoil_the_others():
    assert curve(np.array([[1.0], [np.inf], [2.0]]), np.ones((3, 1), bool)).median == [2.0]


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5])
def test_the_factor_of_an_exponential_is_found(factor):
    assert factor_per_step(falling(factor, 20)) == pytest.approx(factor)


def test_one_step_and_a_gradient_of_zero_have_no_factor():
    assert np.isnan(factor_per_step(falling(0.5, 1)))
    assert np.isnan(factor_per_step(Curve([0.0, 1.0], [], [], [])))


def test_the_table_has_round_distances_the_last_one_and_gaps_where_a_curve_ends():
    lines = flow_table({"long": falling(0.5, 13).median, "short": [1.0, 0.25]}).splitlines()
    assert [line.split()[0] for line in lines] == ["distance", "0", "1", "2", "5", "10", "12"]
    assert lines[2].split() == ["1", "0.5", "0.25"]
    assert lines[3].split() == ["2", "0.25", "-"]


def test_the_picture_has_a_line_and_a_band_for_each_curve(tmp_path, monkeypatch):
    figures = []
    save = Figure.savefig

    def remember(figure, *args, **kwargs):
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", remember)
    curves = {"vanishing": falling(0.5, 30), "exploding": Curve([1.0, 10.0, np.inf], [0.0] * 3, [np.inf] * 3, [3] * 3)}
    target = tmp_path / "plots" / "flow.png"
    plot_gradient_flow(curves, target, title="two cells", dashed={"exploding": [0.1, 1.0, np.inf]})
    (axes,) = figures[-1].axes
    assert [line.get_label() for line in axes.get_lines()] == ["vanishing", "exploding", "exploding, clipped"]
    assert len(axes.collections) == 2
    assert axes.get_yscale() == "log"
    np.testing.assert_array_equal(axes.get_lines()[1].get_ydata(), [1.0, 10.0, np.nan])
    pixels = matplotlib.image.imread(target)
    assert pixels.shape[1] >= 800
    assert pixels[..., :3].std() > 0.01
