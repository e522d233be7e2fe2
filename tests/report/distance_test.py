import matplotlib.image
import pytest
from matplotlib.figure import Figure

from seqlab.report.distance import accuracy_against_distance, plot_accuracy_against_distance, plot_run
from tests.report.run_folders import write_run


def scores(near, far):
    return {"loss": 0.1, "accuracy": (near + far) / 2, "accuracy_at_1_to_5": near, "accuracy_at_6_to_10": far}


@pytest.fixture
def folders(tmp_path):
    runs = [("gru", "0", 1.0, 1.0), ("gru", "1", 1.0, 0.9), ("vanilla", "0", 1.0, 0.5), ("vanilla", "1", 0.8, 0.5)]
    complete = [write_run(tmp_path / f"{cell}{seed}", scores(*s), cell=cell, seed=seed) for cell, seed, *s in runs]
    lost = write_run(tmp_path / "lost", status="diverged", cell="vanilla", seed="2")
    other = write_run(tmp_path / "other", {"loss": 1.0}, task="adding")
    return [*complete, lost, other]


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved."""
    saved = []
    save = Figure.savefig

    def remember(figure, *args, **kwargs):
        saved.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", remember)
    return saved


def test_the_table_has_the_mean_over_seeds_of_every_cell_at_every_distance(folders):
    rows = accuracy_against_distance(folders)
    assert [(row.label, row.bucket, row.spread.n, row.spread.mean) for row in rows] == [
        ("cell=gru", (1, 5), 2, 1.0),
        ("cell=gru", (6, 10), 2, pytest.approx(0.95)),
        ("cell=vanilla", (1, 5), 2, pytest.approx(0.9)),
        ("cell=vanilla", (6, 10), 2, 0.5),
    ]


def test_the_picture_has_a_line_a_cell_at_the_middle_of_each_range_and_its_axes_say_what_they_are(
    folders, figures, tmp_path
):
    target = tmp_path / "plots" / "distance.png"
    plot_accuracy_against_distance(accuracy_against_distance(folders), target, {"chance": 0.5})
    (axes,) = figures[0].axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
    assert lines["cell=gru (n=2)"] == [[3, 1.0], [8, pytest.approx(0.95)]]
    assert lines["cell=vanilla (n=2)"] == [[3, pytest.approx(0.9)], [8, 0.5]]
    assert len(lines) == 3
    assert len(axes.collections) == 2
    assert "distance" in axes.get_xlabel()
    assert "accuracy" in axes.get_ylabel()
    assert matplotlib.image.imread(target)[..., :3].std() > 0.01


def test_a_run_without_scores_by_distance_has_no_picture(tmp_path):
    plot_run({"test": {"loss": 1.0}}, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_the_picture_of_one_run_has_its_line_and_its_baselines(figures, tmp_path):
    summary = {"test": scores(1.0, 0.5), "baselines": {"last word": {"test": {"accuracy": 0.5}}}}
    plot_run(summary, tmp_path / "one.png")
    (axes,) = figures[0].axes
    assert axes.get_lines()[0].get_label() == "model (n=1)"
    assert [text.get_text() for text in axes.texts] == ["last word"]
