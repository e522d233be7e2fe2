import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from matplotlib.image import imread

from seqlab.train import Checkpoints, writers
from tests.compilation_cache import environment
from tests.experiments.launching import TINY, launch, refused, write_text

REPOSITORY = Path(__file__).parents[2]


def records(folder):
    """The lines of metrics.jsonl, which have to be JSON in the strict sense."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


# A complete run --------------------------------------------------------------------------------------------------


def test_a_run_makes_every_file_of_its_folder(trained):
    folder = trained.folder
    assert {path.name for path in folder.iterdir()} == {
        "flags.txt",
        "provenance.json",
        "metrics.jsonl",
        "summary.json",
        "vocabulary.json",
        "checkpoints",
        "plots",
        "predictions",
        "tensorboard",
    }
    assert [path.name for path in (folder / "checkpoints").iterdir() if path.name.startswith("part")] == []
    assert Checkpoints(folder / "checkpoints").steps()[-1] == 12
    assert (folder / "predictions" / "sample.txt").read_text()
    assert imread(folder / "plots" / "learning_curve.png")[..., :3].std() > 0.01
    (events,) = (folder / "tensorboard").iterdir()
    assert events.stat().st_size > 1000


def test_metrics_are_lines_of_all_three_splits_and_the_test_comes_once_at_the_end(trained):
    lines = records(trained.folder)
    by_split = {split: [line["step"] for line in lines if line["split"] == split] for split in ("train", "validation")}
    assert by_split == {"train": [2, 4, 6, 8, 10, 12], "validation": [4, 8, 12]}
    assert [line["split"] for line in lines].count("test") == 1
    assert lines[-1]["split"] == "test"
    assert lines[-1]["step"] == summary(trained.folder)["best_step"]
    assert all(line.keys() >= {"loss", "bits_per_character"} for line in lines)


def test_the_summary_has_the_scores_of_the_best_step_beside_the_baselines(trained):
    found, lines = summary(trained.folder), records(trained.folder)
    assert found["status"] == "complete"
    assert found["steps"] == 12
    evaluations = {line["step"]: line for line in lines if line["split"] == "validation"}
    assert found["best_step"] == min(evaluations, key=lambda step: evaluations[step]["loss"])
    for split, line in [("validation", evaluations[found["best_step"]]), ("test", lines[-1])]:
        assert {**found[split], "step": found["best_step"], "split": split} == line
    assert set(found["baselines"]) >= {"unigram"}
    for row in found["baselines"].values():
        assert row["validation"]["bits_per_character"] > 0
        assert row["test"]["bits_per_character"] > 0
    assert found["wall_seconds"] > 0
    assert found["characters_per_second"] > 0


def test_the_summary_counts_the_parameters_of_the_model(trained):
    vocabulary = len(json.loads((trained.folder / "vocabulary.json").read_text())["tokens"])
    lstm = 4 * 8 * (4 + 8) + 4 * 8
    assert summary(trained.folder)["parameters"] == vocabulary * 4 + lstm + 8 * vocabulary + vocabulary


def test_provenance_says_what_made_the_run(trained):
    (launch_record,) = json.loads((trained.folder / "provenance.json").read_text())["launches"]
    assert launch_record["command"] == [
        "python",
        "-m",
        "experiments.run",
        *trained.arguments,
        launch_record["command"][-1],
    ]
    assert launch_record["seed"] == 0
    assert launch_record["versions"]["jax"] == jax.__version__
    assert launch_record["device"]["platform"] == "cpu"
    (checksum,) = launch_record["data_sha256"].values()
    assert re.fullmatch("[0-9a-f]{64}", checksum)


def test_the_outcome_is_printed_with_a_sample_and_the_baselines(trained):
    out = trained.launched.out
    assert f"--- sample ---\n{(trained.folder / 'predictions' / 'sample.txt').read_text()}\n---" in out
    found = summary(trained.folder)
    assert re.search(rf"model +{found['validation']['bits_per_character']:.3f} +", out)
    assert re.search(rf"unigram +{found['baselines']['unigram']['validation']['bits_per_character']:.3f} +", out)
    assert "best step 12 of 12" in out


def test_training_learns(trained):
    # The bias of the output layer alone brings a model near the unigram; a tiny run gets part of the way.
    losses = [line["loss"] for line in records(trained.folder) if line["split"] == "validation"]
    assert losses[-1] < losses[0]
    assert losses[-1] < np.log(len(json.loads((trained.folder / "vocabulary.json").read_text())["tokens"]))


def contents(folder):
    """Every file of a folder with its bytes and its time."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_complete_run_run_again_does_nothing(trained):
    before = contents(trained.folder)
    again = launch("run", *trained.arguments, f"--run_dir={trained.folder}")
    assert (again.status, again.err) == (0, "")
    assert "is complete, nothing was done" in again.out
    assert contents(trained.folder) == before


def test_the_flags_of_a_run_relaunch_it_byte_for_byte(trained, tmp_path):
    again = launch("run", f"--flagfile={trained.folder / 'flags.txt'}", f"--run_dir={tmp_path / 'again'}")
    assert again.status == 0, again.err
    for name in ("metrics.jsonl", "flags.txt", "vocabulary.json", "predictions/sample.txt"):
        assert (tmp_path / "again" / name).read_bytes() == (trained.folder / name).read_bytes()
    keys = summary(trained.folder).keys() - {"wall_seconds", "characters_per_second"}
    assert {key: summary(tmp_path / "again")[key] for key in keys} == {
        key: summary(trained.folder)[key] for key in keys
    }


def test_the_test_split_is_scored_by_the_best_params_where_the_last_ones_are_worse(trained, tmp_path):
    run = tmp_path / "run"
    options = ["--seed=1", "--learning_rate=10", "--warmup_steps=12", "--evaluate_every=2"]
    done = launch("run", *trained.arguments, *options, f"--run_dir={run}")
    assert done.status == 0, done.err
    found = summary(run)
    assert found["best_step"] < 12
    evaluations = {line["step"]: line["loss"] for line in records(run) if line["split"] == "validation"}
    assert found["validation"]["loss"] == evaluations[found["best_step"]] < evaluations[12]
    # The validation split and the test are of one kind, and by other params the loss would be another.
    assert abs(found["test"]["loss"] - evaluations[found["best_step"]]) < abs(found["test"]["loss"] - evaluations[12])
    assert records(run)[0]["loss"] != records(trained.folder)[0]["loss"]


def test_without_run_dir_a_folder_is_made_under_runs_and_nothing_else(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = launch("run", f"--flagfile={trained.folder / 'flags.txt'}", "--num_steps=2")
    assert done.status == 0, done.err
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"flags-\d{4}-\d\d-\d\d-\d{6}", folder.name)


def test_words_are_scored_by_perplexity(trained, tmp_path):
    options = ["--tokens=word", "--batch_size=2", "--window_size=8", "--num_steps=2", "--chunk_steps=1", "--cell=gru"]
    done = launch("run", *trained.arguments, *options, f"--run_dir={tmp_path / 'words'}")
    assert done.status == 0, done.err
    assert summary(tmp_path / "words")["test"]["perplexity"] > 1
    assert "words a second" in done.out


# Interrupts ------------------------------------------------------------------------------------------------------


@pytest.fixture
def signals(monkeypatch):
    """Makes the process send itself a signal when so many lines of metrics have been written."""

    def send(number, after_lines, times=1):
        countdown = iter(range(1, after_lines + 1))
        record = writers.JsonLines.record

        def record_and_send(*arguments):
            record(*arguments)
            if next(countdown, None) == after_lines:
                for _ in range(times):
                    os.kill(os.getpid(), number)

        monkeypatch.setattr(writers.JsonLines, "record", record_and_send)

    return send


@pytest.mark.parametrize(
    ("number", "status", "after_lines", "step"),
    [(signal.SIGTERM, 143, 2, 4), (signal.SIGINT, 130, 4, 6)],
    ids=["before an evaluation", "at an epoch's end"],
)
def test_an_interrupted_run_goes_on_by_the_same_command_to_what_the_uninterrupted_one_writes(
    trained, tmp_path, signals, monkeypatch, number, status, after_lines, step
):
    command = [*trained.arguments, f"--run_dir={tmp_path / 'run'}"]
    signals(number, after_lines)
    stopped = launch("run", *command)
    monkeypatch.undo()
    assert (stopped.status, stopped.err) == (status, "")
    assert f"interrupted at step {step}; the same command with --run_dir={tmp_path / 'run'} goes on." in stopped.out
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps()[-1] == step
    found = summary(tmp_path / "run")
    assert (found["status"], found["steps"]) == ("interrupted", step)
    assert "test" not in found

    done = launch("run", *command)
    assert done.status == 0, done.err
    assert f"steps {step} to 12" in done.out
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == (trained.folder / "metrics.jsonl").read_bytes()
    whole, resumed = summary(trained.folder), summary(tmp_path / "run")
    for name in ("status", "steps", "best_step", "validation", "test", "baselines"):
        assert resumed[name] == whole[name]
    assert resumed["wall_seconds"] > found["wall_seconds"]
    assert len(json.loads((tmp_path / "run" / "provenance.json").read_text())["launches"]) == 2


def test_a_second_interrupt_ends_the_run_at_once(trained, tmp_path, signals):
    signals(signal.SIGINT, after_lines=1, times=2)
    stopped = launch("run", *trained.arguments, f"--run_dir={tmp_path / 'run'}")
    assert (stopped.status, stopped.err) == (130, "run: interrupted\n")
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == []


@pytest.mark.parametrize("moment", ["a checkpoint is written", "the test split was read"])
def test_a_run_that_was_killed_goes_on_without_a_step_twice(trained, tmp_path, monkeypatch, moment):
    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    command = [*trained.arguments, f"--run_dir={tmp_path / 'run'}"]
    with monkeypatch.context() as patch:
        if moment == "a checkpoint is written":
            save = Checkpoints.save
            patch.setattr(Checkpoints, "save", lambda *given: kill() if int(given[1].step) == 8 else save(*given))
        else:
            patch.setattr("experiments.run_folder.write_json", lambda path, _: path.name == "summary.json" and kill())
        with pytest.raises(Killed):
            launch("run", *command)
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 12, "split": "tr')
    done = launch("run", *command)
    assert done.status == 0, done.err
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == (trained.folder / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_interrupted_saves_and_ends_with_its_signal(
    tmp_path, compilation_cache_folder, number, status
):
    text = write_text(tmp_path / "text.txt")
    command = [
        "-m",
        "experiments.run",
        f"--dataset=text:{text}",
        *TINY,
        "--num_steps=1000000",
        "--evaluate_every=1000000",
    ]
    process = subprocess.Popen(
        [sys.executable, *command, f"--run_dir={tmp_path / 'run'}"],
        cwd=REPOSITORY,
        env={**os.environ, **environment(compilation_cache_folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = tmp_path / "run" / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and metrics.read_text().endswith("\n")):
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert "Traceback" not in err
    last = records(tmp_path / "run")[-1]["step"]
    assert f"interrupted at step {last}" in out
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [last]


def test_a_run_folder_that_was_moved_goes_on(trained, tmp_path, signals, monkeypatch):
    signals(signal.SIGTERM, after_lines=4)
    assert launch("run", *trained.arguments, f"--run_dir={tmp_path / 'here'}").status == 143
    monkeypatch.undo()
    shutil.move(tmp_path / "here", tmp_path / "there")
    done = launch("run", f"--flagfile={tmp_path / 'there' / 'flags.txt'}", f"--run_dir={tmp_path / 'there'}")
    assert done.status == 0, done.err
    assert (tmp_path / "there" / "metrics.jsonl").read_bytes() == (trained.folder / "metrics.jsonl").read_bytes()
    assert not (tmp_path / "here").exists()
    assert str(tmp_path / "here").encode() not in b"".join(
        content for path, (content, _) in contents(tmp_path / "there").items() if path.name != "provenance.json"
    )


# Divergence ------------------------------------------------------------------------------------------------------


def test_a_run_that_diverges_ends_with_status_three_and_saves_nothing_that_is_not_finite(trained, tmp_path):
    options = ["--optimizer=sgd", "--learning_rate=1e30", "--chunk_steps=1", "--evaluate_every=1"]
    command = [*trained.arguments, *options, f"--run_dir={tmp_path / 'run'}"]
    diverged = launch("run", *command)
    assert (diverged.status, diverged.err) == (3, "")
    assert re.search(r"diverged: what step \d+ computes is not finite", diverged.out)
    assert "Lower --learning_rate" in diverged.out
    found = summary(tmp_path / "run")
    assert found["status"] == "diverged"
    assert "test" not in found
    assert all(np.isfinite(line["loss"]) for line in records(tmp_path / "run"))
    assert launch("run", *command).status == 3


# Bad input -------------------------------------------------------------------------------------------------------

BEFORE_JAX = [
    (["--hiden_size=8"], "Unknown command line flag 'hiden_size'. Did you mean: hidden_size ?"),
    (["--hidden_size=many"], "expected an integer >= 1; got 'many'"),
    (["--learning_rate=nan"], "expected a finite number >= 0.0; got 'nan'"),
    (["--optimizer=adamm"], "unknown --optimizer 'adamm'; did you mean 'adam'?"),
    (["hidden_size=8"], "did you mean '--hidden_size=8'?"),
    (["--flagfile=missing.flags"], "found none named 'missing.flags'"),
    (["--flagfile=circle.flags"], "circular --flagfile: circle.flags -> circle.flags"),
    (["--flagfile=trap.flags"], "trap.flags:2: expected a flag alone, found the comment '# note'"),
    (["--task=langage_model"], "unknown task 'langage_model'; did you mean 'language_model'?"),
    (["--dataset=pydoc_topic"], "unknown dataset 'pydoc_topic'; did you mean 'pydoc_topics'?"),
    (["--dataset=txt:text.txt"], "unknown format 'txt'; did you mean 'text'?"),
    (["--dataset=text:missing.txt"], "missing.txt: expected a UTF-8 text file, found no file of that name"),
    (["--dataset=text:empty.txt"], "empty.txt: expected a UTF-8 text, found nothing"),
    (["--dataset=text:folder"], "folder: expected a UTF-8 text file, found a folder"),
    (["--dataset=text:latin1.txt"], "latin1.txt: byte 3: expected UTF-8, found 0xe9"),
    (["--dataset=text:text.txt", "--splits=0.5,0.1,0.1"], "sum to 1; got (0.5, 0.1, 0.1)"),
    (["--dataset=text:text.txt", "--splits=most,rest,none"], "--splits: expected numbers such as 0.9,0.05,0.05"),
    (["--dataset=text:text.txt", "--splits=nan,0.5,0.5"], "sum to 1; got (nan, 0.5, 0.5)"),
    (["--dataset=text:text.txt", "--run_dir=foreign"], "--run_dir=foreign is a folder of something else"),
    (["--dataset=text:text.txt", "--run_dir=text.txt"], "--run_dir=text.txt is no folder"),
    (["--dataset=text:text.txt", "--run_dir=text.txt/run"], "text.txt, which is no folder. Name another folder."),
]
WITH_JAX = [
    (["--cell=ltsm"], "unknown cell 'ltsm'; did you mean 'lstm'?"),
    (["--engine=scn"], "unknown engine 'scn'; did you mean 'scan'?"),
    (["--optimizer=adamw"], "optimizer 'adamw' needs weight_decay"),
    (["--window_size=5000"], "lower --batch_size (8) or --window_size (5000)"),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with files that are fit and unfit."""
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "text.txt")
    Path("empty.txt").touch()
    Path("latin1.txt").write_bytes(b"caf\xe9 au lait")
    Path("folder").mkdir()
    Path("foreign").mkdir()
    Path("foreign/thesis.tex").write_text("Years of work.")
    Path("circle.flags").write_text("--flagfile=circle.flags\n")
    Path("trap.flags").write_text("# What.\n--dataset=text:text.txt # note\n")
    return tmp_path


@pytest.mark.parametrize(("arguments", "say"), BEFORE_JAX, ids=[" ".join(row[0]) for row in BEFORE_JAX])
def test_bad_input_is_status_two_and_changes_nothing(place, arguments, say):
    before = contents(place)
    assert say in refused("run", *arguments)
    assert contents(place) == before
    assert not (place / "runs").exists()


def test_bad_input_is_told_before_jax_is_imported(place):
    script = f"""
import json, sys
sys.path[:0] = [{str(REPOSITORY)!r}]
from absl import flags
from experiments import command_line, run
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["run", *arguments]
    for flag in flags.FLAGS._flags().values():
        flag.unparse()
    try:
        command_line.run(run.main)
    except SystemExit as stop:
        print(stop.code, "jax" in sys.modules)
"""
    wrong = json.dumps([arguments for arguments, _ in BEFORE_JAX])
    done = subprocess.run([sys.executable, "-c", script, wrong], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["2 False"] * len(BEFORE_JAX), done.stderr


@pytest.mark.parametrize(("arguments", "say"), WITH_JAX, ids=[" ".join(row[0]) for row in WITH_JAX])
def test_bad_input_that_takes_jax_to_know_is_told_before_anything_is_compiled(place, caplog, arguments, say):
    before = contents(place)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        assert say in refused("run", "--dataset=text:text.txt", "--batch_size=8", "--run_dir=new", *arguments)
    assert "Compiling" not in caplog.text
    assert contents(place) == before
    assert not (place / "new").exists()


def test_the_run_folder_of_another_experiment_is_left_alone_and_what_differs_is_named(trained):
    before = contents(trained.folder)
    error = refused("run", *trained.arguments, "--hidden_size=16", f"--run_dir={trained.folder}")
    assert "holds another experiment: --hidden_size=8 there, 16 here; nothing was changed." in error
    assert f"--flagfile={trained.folder / 'flags.txt'}" in error
    error = refused("run", "--dataset=builtin", f"--run_dir={trained.folder}")
    assert re.search(r"--dataset=text:\S+ there, builtin here, .* and \d+ more; nothing was changed", error)
    assert contents(trained.folder) == before


def test_a_run_folder_that_cannot_be_made_is_said_before_training(place, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != place)
    assert "which cannot be written to. Name another folder." in refused(
        "run", "--dataset=text:text.txt", f"--run_dir={place / 'a' / 'b'}"
    )
    assert not (place / "a").exists()


def test_a_disk_that_refuses_a_file_is_status_two_with_its_name(trained, tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied", str(tmp_path / "run"))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        status, _, err = launch("run", *trained.arguments, f"--run_dir={tmp_path / 'run'}")
    assert (status, err) == (
        2,
        f"run: error: {tmp_path / 'run'}: Permission denied. Check the path and its permissions.\n",
    )


def test_a_checkpoint_that_does_not_fit_the_flags_is_refused(trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "run")
    (tmp_path / "run" / "summary.json").unlink()
    flag_file = tmp_path / "run" / "flags.txt"
    flag_file.write_text(flag_file.read_text().replace("--hidden_size=8", "--hidden_size=9"))
    status, _, err = launch("run", f"--flagfile={flag_file}", f"--run_dir={tmp_path / 'run'}")
    assert status == 2
    assert re.search(r"leaf '\S+' should be float32 \(9.*found float32 \(8", err)
