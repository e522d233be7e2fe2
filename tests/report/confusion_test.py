import pytest

from seqlab.report.confusion import plot_confusion


@pytest.mark.parametrize("size", [2, 25])
def test_a_confusion_matrix_becomes_a_picture(tmp_path, size):
    confusion = {"labels": [f"label {n}" for n in range(size)], "counts": [[0] * size for _ in range(size)]}
    plot_confusion({"test": {"confusion": confusion}}, tmp_path / "plots" / "a.png")
    assert (tmp_path / "plots" / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_classes_has_no_picture(tmp_path):
    plot_confusion({"test": {"loss": 1.0}}, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
