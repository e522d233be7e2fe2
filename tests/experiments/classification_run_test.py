"""Classification from the command line: two steps, then predictions."""

import json

from tests.experiments.launching import launch, refused

SMALL = [
    "--task=classification",
    "--tokens=word",
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--embedding_size=3",
    "--pooling=attention",
    "--batch_size=4",
    "--eval_batch_size=8",
    "--splits=0.6,0.2,0.2",
    "--num_steps=2",
]


def predictions(folder, split):
    return [json.loads(line) for line in (folder / "predictions" / f"{split}.jsonl").read_text().splitlines()]


def test_a_file_of_labelled_texts_is_learned_scored_drawn_and_asked(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(
        "".join(f"film {number % 3} is {word}\t{word}\n" for number in range(20) for word in ("up", "down"))
    )
    folder = tmp_path / "run"
    arguments = [*SMALL, f"--dataset=tsv:{path}", "--keep_share=up:0.5", "--class_weights=balanced"]
    launched = launch("run", *arguments, f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["num_traces"] <= summary["num_shapes"] <= 6
    assert 0 <= summary["padding_share"] < 1
    for split in ("validation", "test"):
        found = summary[split]
        assert sum(map(sum, found["confusion"]["counts"])) == 8
        assert {"recall_up", "specificity_down", "macro_f1", "threshold", "accuracy_at_threshold"} <= found.keys()
        rows = predictions(folder, split)
        assert sum(row["label"] == row["predicted"] for row in rows) / 8 == found["accuracy_at_threshold"]
        most_probable = [max(row["probabilities"], key=row["probabilities"].get) for row in rows]
        assert (
            sum(row["label"] == label for row, label in zip(rows, most_probable, strict=True)) / 8 == found["accuracy"]
        )
    assert summary["validation"]["threshold"] == summary["test"]["threshold"]
    assert summary["baselines"].keys() == {"majority", "naive Bayes"}
    assert (folder / "plots" / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")

    rows = predictions(folder, "test")
    lines = [*(row["text"] for row in rows), "not a film"]
    asked = launch("predict", f"--run_dir={folder}", "--input=-", stdin="\n".join(lines).encode())
    assert (asked.status, asked.err) == (0, "")
    answers = [json.loads(line) for line in asked.out.splitlines()]
    assert [answer["label"] for answer in answers[:-1]] == [row["predicted"] for row in rows]
    assert {answer["threshold"] for answer in answers} == {summary["test"]["threshold"]}
    assert [len(answer["weights"]) for answer in answers[-2:]] == [4, 3]
    assert refused("predict", f"--run_dir={folder}", "--prompt= ").startswith("line 1: expected a text")


def test_wrong_rows_and_shares_are_said_with_file_and_row(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("fine\tup\nfine\n")
    error = refused("run", *SMALL, f"--dataset=tsv:{path}", f"--run_dir={tmp_path / 'run'}")
    assert error.startswith(f"{path}:2: expected 2 columns")
    error = refused("run", *SMALL, "--keep_share=up:0.5", f"--run_dir={tmp_path / 'run'}")
    assert error.startswith("--keep_share: expected LABEL:SHARE")
