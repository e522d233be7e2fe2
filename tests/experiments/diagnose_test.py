import json
import shutil

import pytest

from tests.experiments.launching import launch, refused


def test_a_run_is_measured_before_training_beside_what_clipping_would_make_of_it(trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    done = launch("diagnose", f"--run_dir={folder}", "--initial", "--clip_norm=1e-3", "--num_batches=2")
    assert (done.status, done.err) == (0, "")
    assert "stack/layers_0 state  stack/layers_0 c  stack/layers_0 h  stack/layers_0 clipped" in done.out
    assert "--clip_norm=0.001 clips 2 of them" in done.out
    assert (folder / "plots" / "gradient_flow_initial.png").is_file()
    report = json.loads((folder / "diagnostics" / "gradient_flow_initial.json").read_text())
    flow = report["layers"]["stack/layers_0"]
    # A window of 32 steps; evaluation has 2 rows a batch.
    assert len(flow["state"]["median"]) == 32
    assert flow["state"]["sequences"][0] == 4
    assert flow["state"]["median"][0] > flow["clipped"]["median"][0] > 0
    assert [norm * scale for norm, scale in zip(report["gradient_norm"], report["clip_scale"], strict=True)] == [
        pytest.approx(1e-3, rel=1e-5)
    ] * 2


@pytest.mark.slow
def test_training_changes_what_is_measured_and_the_engine_does_not(trained, tmp_path):
    def median(*arguments):
        output = tmp_path / "-".join(["out", *arguments])
        assert launch("diagnose", f"--run_dir={trained.folder}", f"--output={output}", *arguments).status == 0
        (path,) = output.glob("*.json")
        return json.loads(path.read_text())["layers"]["stack/layers_0"]["state"]["median"]

    assert median("--engine=scan") == pytest.approx(median(), rel=1e-4)
    assert median("--initial") != pytest.approx(median(), rel=1e-2)


def test_cells_are_measured_without_a_run(tmp_path):
    arguments = ["--distance=30", "--hidden_size=8", "--embedding_size=4", "--batch_size=3", "--input_scale=0.1"]
    done = launch("diagnose", "--compare=irnn:1.5", f"--output={tmp_path}", *arguments)
    assert (done.status, done.err) == (0, "")
    curves = json.loads((tmp_path / "gradient_flow.json").read_text())
    assert curves["irnn:1.5"]["median"][0] == pytest.approx(1.0, rel=1e-5)
    assert 1e3 < curves["irnn:1.5"]["median"][30] <= 1.5**30 * (1 + 1e-5)
    assert (tmp_path / "gradient_flow.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "say"),
    [
        ([], "expected --run_dir, a run's folder, or --compare, names of cells; got neither"),
        (["--run_dir=a", "--compare=gru"], "got both"),
        (["--compare=gruu"], "unknown cell 'gruu'; did you mean 'gru'?"),
        (["--compare=gru:big"], "--compare: expected NAME or NAME:SCALE, as in vanilla:1.5; got 'gru:big'"),
        (["--compare=min_gru:2"], "min_gru:2: this cell has no recurrent kernel to scale"),
        (["--compare=gru", "--clip_norm=1"], "--clip_norm cannot be set here"),
        (["--run_dir=nowhere"], "--run_dir=nowhere: expected the folder of a run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_measured_is_status_two(arguments, say):
    assert say in refused("diagnose", *arguments)


def test_a_flag_of_the_run_itself_cannot_be_changed(trained):
    error = refused("diagnose", f"--run_dir={trained.folder}", "--hidden_size=4")
    assert "--hidden_size cannot be set here" in error
    assert "--clip_norm, --data_dir, --engine can" in error


def test_a_run_without_a_checkpoint_can_be_measured_before_training_alone(trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints"))
    assert "no checkpoint yet. Train it first, or add --initial." in refused("diagnose", f"--run_dir={folder}")
