import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqlab.core.sealed_folder import publish, read_manifest
from tests.compilation_cache import environment
from tests.experiments.launching import launch, refused

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def ask(trained):
    """Predicts with the trained run; gives the answers, which have to be JSON lines."""

    def answers(*arguments, stdin=b""):
        done = launch("predict", f"--run_dir={trained.folder}", *arguments, stdin=stdin)
        assert (done.status, done.err) == (0, "")
        refuse = lambda name: pytest.fail(f"{name} is no JSON")  # noqa: E731
        return [json.loads(line, parse_constant=refuse) for line in done.out.splitlines()]

    return answers


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# What is answered ------------------------------------------------------------------------------------------------


def test_a_sample_is_a_function_of_the_seed(ask):
    arguments = ["--prompt=the cell", "--num_tokens=30"]
    (first,), (again,), (other,) = ask(*arguments), ask(*arguments), ask(*arguments, "--seed=1")
    assert first == again
    assert first["prompt"] == "the cell"
    assert len(first["sample"]) == 30
    assert other["sample"] != first["sample"]


def test_a_number_that_is_not_finite_is_null(ask, monkeypatch):
    predictors = {"score": lambda lines: [{"text": line, "perplexity": math.inf} for line in lines]}
    entry = SimpleNamespace(predictors=lambda *_: predictors)
    monkeypatch.setattr("experiments.predict.task_entry", lambda _: entry)
    assert ask("--mode=score", "--prompt=é") == [{"text": "é", "perplexity": None}]


def test_sampling_is_the_default_and_needs_no_prompt(ask):
    (answer,) = ask("--num_tokens=5")
    assert answer["prompt"] == ""
    assert len(answer["sample"]) == 5


def test_a_temperature_of_zero_takes_the_most_probable_token_whatever_the_seed(ask):
    arguments = ["--prompt=the", "--num_tokens=20", "--temperature=0"]
    assert ask(*arguments) == ask(*arguments, "--seed=9") == ask("--prompt=the", "--num_tokens=20", "--top_k=1")


def test_every_line_of_a_file_is_a_prompt(ask, tmp_path):
    prompts = write(tmp_path / "prompts.txt", "the cell\n\ngate")
    assert [answer["prompt"] for answer in ask(f"--input={prompts}", "--num_tokens=4")] == ["the cell", "", "gate"]


def test_a_prompt_may_hold_a_line_end(ask):
    (answer,) = ask(r"--prompt=the\ncell", "--num_tokens=1")
    assert answer["prompt"] == "the\ncell"


def test_completions_come_with_descending_probabilities(ask):
    (answer,) = ask("--mode=complete", "--prompt=the ce", "--num_tokens=3", "--num_best=4")
    probabilities = [completion["probability"] for completion in answer["completions"]]
    assert len(probabilities) == 4
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[-1] > 0
    assert sum(probabilities) <= 1 + 1e-6
    assert len({completion["text"] for completion in answer["completions"]}) == 4


def test_a_wider_beam_is_needed_for_more_completions(trained):
    error = refused(
        "predict", f"--run_dir={trained.folder}", "--mode=complete", "--prompt=a", "--num_best=9", "--beam_width=8"
    )
    assert "num_best must lie in [1, 8]" in error


def test_every_line_of_the_input_is_scored(ask, tmp_path):
    lines = ["the cell reads", "thé cell"]
    scored = ask("--mode=score", f"--input={write(tmp_path / 'lines.txt', chr(10).join(lines))}")
    assert [answer["text"] for answer in scored] == lines
    assert [answer["tokens"] for answer in scored] == [14, 8]
    assert [answer["unknown"] for answer in scored] == [0, 1]
    for answer in scored:
        assert answer["log_probability"] < 0
        assert math.isclose(answer["perplexity"], math.exp(-answer["log_probability"] / answer["tokens"]))
        assert math.isclose(answer["bits_per_token"], math.log2(answer["perplexity"]))


def test_a_dash_reads_standard_input(ask, tmp_path):
    lines = "the cell\nreads\n"
    from_file = ask("--mode=score", f"--input={write(tmp_path / 'lines.txt', lines)}")
    assert ask("--mode=score", "--input=-", stdin=lines.encode()) == from_file
    assert len(from_file) == 2


def test_the_score_is_the_one_that_complete_gives_by_the_chain_rule(ask):
    (answer,) = ask("--mode=complete", "--prompt=the ", "--num_tokens=1", "--num_best=1")
    (best,) = answer["completions"]
    before, after = ask("--mode=score", "--input=-", stdin=f"the \nthe {best['text']}".encode())
    # Scoring leaves the unknown token in its denominator, completing does not: it is rare, but not impossible.
    difference = math.exp(after["log_probability"] - before["log_probability"])
    assert difference <= best["probability"] * (1 + 1e-4)
    assert math.isclose(difference, best["probability"], rel_tol=0.2)


def test_the_params_are_those_of_the_best_checkpoint(trained, tmp_path, ask):
    # An older checkpoint is made the best one: the answer has to be another.
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    for path in sorted((folder / "checkpoints").glob("step_*")):
        content = read_manifest(path)
        part = path.rename(path.with_name(f"part_{path.name}"))
        (part / "manifest.json").unlink()
        publish(part, {**content, "best": {**content["best"], "step": 8}})
    older = json.loads(launch("predict", f"--run_dir={folder}", "--mode=score", "--input=-", stdin=b"the cell").out)
    (newer,) = ask("--mode=score", "--input=-", stdin=b"the cell")
    assert older["log_probability"] != newer["log_probability"]


def test_a_run_folder_that_was_moved_predicts_the_same(trained, tmp_path, ask):
    folder = shutil.copytree(trained.folder, tmp_path / "moved")
    arguments = ["--mode=score", "--input=-"]
    moved = launch("predict", f"--run_dir={folder}", *arguments, stdin=b"the cell")
    assert [json.loads(moved.out)] == ask(*arguments, stdin=b"the cell")


def test_predicting_changes_nothing_in_the_run_folder(trained, ask):
    def state():
        return {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*")}

    before = state()
    ask("--num_tokens=2")
    assert state() == before


# Bad input -------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with inputs that are unfit."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "empty.txt", "")
    write(tmp_path / "latin1.txt", b"caf\xe9")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "say"),
    [
        ([], "--run_dir: expected the folder of a trained run; got none"),
        (["--run_dir=folder"], "--run_dir=folder: expected the folder of a run, found no flags.txt in it"),
        (["--run_dir=missing"], "--run_dir=missing: expected the folder of a run"),
        (["--run_dir=empty.txt"], "--run_dir=empty.txt: expected the folder of a run"),
        (["--run_di=folder"], "Unknown command line flag 'run_di'. Did you mean: run_dir ?"),
        (["--temperature=-1"], "expected a finite number >= 0.0; got '-1'"),
        (["--top_p=1.5"], "expected a finite number in [0.0, 1.0]; got '1.5'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_flags_are_status_two(place, arguments, say):
    assert say in refused("predict", *arguments)


@pytest.mark.parametrize(
    ("arguments", "say"),
    [
        (["--mode=complet"], "unknown --mode of task language_model 'complet'; did you mean 'complete'?"),
        (["--mode=score"], "--mode=score needs texts"),
        (
            ["--mode=score", "--input=missing.txt"],
            "missing.txt: expected a UTF-8 text file, found no file of that name",
        ),
        (["--mode=score", "--input=empty.txt"], "empty.txt: expected a UTF-8 text, found nothing"),
        (["--mode=score", "--input=folder"], "folder: expected a UTF-8 text file, found a folder"),
        (["--mode=score", "--input=latin1.txt"], "latin1.txt: byte 3: expected UTF-8, found 0xe9"),
        (["--prompt=a", "--input=empty.txt"], "--prompt and --input were both given"),
        (["--hidden_size=4"], "--hidden_size is a flag of the run and cannot be changed in a prediction"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_run_cannot_answer_is_status_two(trained, place, arguments, say):
    assert say in refused("predict", f"--run_dir={trained.folder}", *arguments)


@pytest.mark.parametrize(
    ("stdin", "say"),
    [(b"", "standard input: expected a UTF-8 text, found nothing"), (b"ab\xff", "standard input: byte 2")],
)
def test_unfit_standard_input_is_status_two(trained, stdin, say):
    assert say in refused("predict", f"--run_dir={trained.folder}", "--mode=score", "--input=-", stdin=stdin)


def test_a_run_without_a_checkpoint_is_said_to_need_training(trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints"))
    assert "the run has no checkpoint yet. Train it first." in refused("predict", f"--run_dir={folder}")


def test_a_run_without_its_vocabulary_is_status_two(trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "run", ignore=shutil.ignore_patterns("vocabulary.json"))
    assert str(folder / "vocabulary.json") in refused("predict", f"--run_dir={folder}")


def test_a_reader_that_has_had_enough_is_no_error(trained, tmp_path, compilation_cache_folder):
    # More than a pipe holds, so that the writer finds the pipe closed.
    lines = write(tmp_path / "lines.txt", "the cell reads\n" * 2000)
    done = subprocess.run(
        f"{sys.executable} -m experiments.predict --run_dir={trained.folder} --mode=score --input={lines} | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, **environment(compilation_cache_folder)},
    )
    assert json.loads(done.stdout)["text"] == "the cell reads"
    assert done.stderr == ""
