import shutil

import jax
import numpy as np
import pytest

from seqlab.convert import from_torch, load_arrays, load_metadata, load_params
from seqlab.core.trees import named_leaves
from seqlab.train import Checkpoints
from tests.experiments.launching import launch, refused


def exported(trained, path, *arguments):
    done = launch("export", f"--run_dir={trained.folder}", f"--to={path}", *arguments)
    assert (done.status, done.err) == (0, "")
    return done.out


def test_the_file_has_the_params_of_the_best_checkpoint_and_the_flags_of_the_run(trained, tmp_path):
    path = tmp_path / "params.safetensors"
    said = exported(trained, path)
    params = load_params(path)
    checkpoints = Checkpoints(trained.folder / "checkpoints")
    restored = checkpoints.restore_params(jax.tree.map(np.zeros_like, params), checkpoints.best_step())
    jax.tree.map(np.testing.assert_array_equal, params, restored)
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert said == f"wrote {path}: {len(named_leaves(params))} leaves, {count:,} parameters\n"
    assert load_metadata(path)["flags"] == (trained.folder / "flags.txt").read_text()


def test_the_layout_of_torch_has_the_names_and_shapes_of_its_modules(trained, tmp_path):
    exported(trained, tmp_path / "ours")
    exported(trained, tmp_path / "theirs", "--layout=torch")
    ours, theirs = load_params(tmp_path / "ours"), load_arrays(tmp_path / "theirs")
    weights = [f"stack.{kind}_l0" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    assert theirs.keys() == {"embedding.weight", *weights, "head.weight", "head.bias"}
    jax.tree.map(np.testing.assert_array_equal, from_torch(theirs, "lstm", prefix="stack."), ours["stack"])
    np.testing.assert_array_equal(theirs["embedding.weight"], ours["embedding"]["embedding"])
    np.testing.assert_array_equal(theirs["head.weight"], ours["head"]["kernel"].T)
    np.testing.assert_array_equal(theirs["head.bias"], ours["head"]["bias"])
    assert load_metadata(tmp_path / "theirs")["format"] == "pt"


@pytest.mark.parametrize(
    ("line", "say"),
    [
        ("--cell=mgu", "unknown cell with an equal in PyTorch 'mgu'; did you mean 'gru'?"),
        ("--skip_connections=residual", "PyTorch's layers have no --skip_connections=residual"),
        ("--zoneout_rate=0.1", "PyTorch's layers have no --zoneout_rate=0.1"),
        ("--learned_carry", "PyTorch's layers have no --learned_carry=True"),
    ],
)
def test_what_torch_has_no_equal_of_is_status_two(trained, tmp_path, line, say):
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    with (folder / "flags.txt").open("a") as file:
        file.write(line + "\n")
    assert say in refused("export", f"--run_dir={folder}", f"--to={tmp_path / 'file'}", "--layout=torch")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("arguments", "say"),
    [
        ([], "expected --run_dir, the folder of a trained run, and --to, the file to write"),
        (["--run_dir={run}"], "and --to, the file to write"),
        (["--run_dir=missing", "--to=file"], "--run_dir=missing: expected the folder of a run"),
        (
            ["--run_dir={run}", "--to=file", "--hidden_size=4"],
            "--hidden_size is a flag of the run and cannot be changed",
        ),
        (["--run_dir={run}", "--to=file", "--layout=troch"], "unknown --layout 'troch'; did you mean 'torch'?"),
        (["--run_dir={run}", "--to={run}"], "expected the name of a file to write, found a folder"),
        (["--run_dir={run}", "--to=missing/file"], "missing/file.part: No such file or directory"),
    ],
    ids=str,
)
def test_wrong_flags_are_status_two(trained, tmp_path, monkeypatch, arguments, say):
    monkeypatch.chdir(tmp_path)
    assert say in refused("export", *(argument.format(run=trained.folder) for argument in arguments))
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_checkpoint_is_said_to_need_training(trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints"))
    said = refused("export", f"--run_dir={folder}", f"--to={tmp_path / 'file'}")
    assert "the run has no checkpoint yet. Train it first." in said
