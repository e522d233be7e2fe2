"""Tagging from the command line: two steps on a file of the user's own, then predictions."""

import hashlib
import json

import pytest

from tests.experiments.launching import launch, refused

SMALL = [
    "--task=tagging",
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--embedding_size=3",
    "--char_encoder=none",
    "--unknown_count=0.5",
    "--batch_size=4",
    "--eval_batch_size=4",
    "--num_steps=2",
    "--splits=0.5,0.25,0.25",
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.conll"
    path.write_text("Rose\tB-x\nMark\tI-x\nsmiled\tO\n\n" * 8)
    return path


def test_a_file_is_trained_on_for_two_steps_and_lines_are_then_tagged(file, tmp_path):
    folder = tmp_path / "run"
    launched = launch("run", *SMALL, f"--dataset=conll:{file}", f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["status"] == "complete"
    assert summary["num_shapes"] == summary["num_traces"] == 1
    assert summary["padding_share"] == 0
    assert summary["test"]["seqeval_f1"] == pytest.approx(summary["test"]["entity_f1"])
    assert summary["baselines"]["most frequent tag"]["test"]["entity_f1"] == 1
    rows = [json.loads(line) for line in (folder / "predictions" / "test.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    assert "expected  [Rose Mark: x] smiled" in launched.out

    lines = "\n".join([*(" ".join(row["words"]) for row in rows), "Rose smiled", "", "zebras run"])
    asked = launch("predict", f"--run_dir={folder}", "--input=-", stdin=lines.encode())
    assert (asked.status, asked.err) == (0, "")
    *again, _, _, _ = answers = [json.loads(line) for line in asked.out.splitlines()]
    assert [answer["tags"] for answer in again] == [row["tags"] for row in rows]
    answers = answers[-3:]
    assert [answer["words"] for answer in answers] == [["Rose", "smiled"], [], ["zebras", "run"]]
    assert [answer["unknown"] for answer in answers] == [0, 0, 2]
    assert "line 1: expected at most 1000 words" in refused("predict", f"--run_dir={folder}", f"--prompt={'a ' * 1001}")


@pytest.mark.parametrize(
    ("content", "say"),
    [
        ("Rose\tB-x\nsmiled\n", ":2: expected 2 columns"),
        ("Rose\tI-x\n", ":1: expected 'I-x' to follow"),
        ("a\tO\n\nb\tO\n\nc\tB-x\n\nd\tO\n", ":5: expected a type of entity that the training split has"),
        ("Rose\tB-x\nMark\tS-x\n", ":2: expected a tag O, B-TYPE or I-TYPE, found 'S-x'"),
        (" ".join(["w"] * 100_000), ":1: expected a tag"),
        ("w\tO\n" * 100_000, ":1001: expected sentences of at most 1000 words"),
        ("\n \n\t\n", ": expected sentences, a word and its tag a line; found none"),
    ],
)
def test_wrong_rows_are_said_with_their_place(file, content, say):
    file.write_text(content)
    assert refused("run", *SMALL, f"--dataset=conll:{file}", f"--run_dir={file}.run").startswith(f"{file}{say}")


@pytest.mark.parametrize(("content", "say"), [(b"Ros\xe9\tB-x\n", "found 0xe9"), (b"R\0se\tB-x\n", "found a NUL byte")])
def test_bytes_that_are_no_text_are_said_with_their_place(file, content, say):
    file.write_bytes(content)
    error = refused("run", *SMALL, f"--dataset=conll:{file}", f"--run_dir={file}.run")
    assert error.startswith(f"{file}:")
    assert say in error


def test_another_file_under_a_registered_name_is_refused_with_both_checksums(tmp_path):
    (tmp_path / "wnut17train.conll").write_text("a\tO\n")
    error = refused("run", *SMALL, "--dataset=wnut17", f"--data_dir={tmp_path}", f"--run_dir={tmp_path / 'run'}")
    found = hashlib.sha256(b"a\tO\n").hexdigest()
    assert "wnut17train.conll: expected sha256 731820e13f71af32" in error
    assert f"found {found}" in error


def test_wrong_vectors_and_smoothing_of_a_crf_are_refused(file, tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("rose 1 2 3\nmark 1 2\n")
    options = [*SMALL, f"--dataset=conll:{file}", f"--run_dir={tmp_path / 'run'}"]
    assert refused("run", *options, f"--vectors={vectors}").startswith(f"{vectors}:2: expected a word and 3 numbers")
    assert "--label_smoothing is for --output_layer=softmax" in refused("run", *options, "--label_smoothing=0.1")
    assert "did you mean" in refused("run", *options, "--output_layer=cfr").lower()
