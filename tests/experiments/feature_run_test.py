"""DNA from the command line: two steps, then predictions and their evidence."""

import json

import numpy as np
import pytest

from tests.experiments.launching import launch, refused

SMALL = [
    "--task=dna",
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--conv_layers=1",
    "--conv_size=4",
    "--conv_kernel=3",
    "--pooling=mean",
    "--batch_size=4",
    "--eval_batch_size=8",
    "--splits=0.6,0.2,0.2",
    "--num_steps=2",
]


def test_files_of_fasta_are_learned_scored_drawn_and_asked(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("other", "site"):
        rows = [f">{name} {row}\n{''.join(rng.choice(list('ACGT'), 12))}\n" for row in range(20)]
        (tmp_path / f"{name}.fa").write_text("".join(rows))
    folder = tmp_path / "run"
    dataset = f"--dataset=fasta:{tmp_path / 'other.fa'},{tmp_path / 'site.fa'}"
    launched = launch("run", *SMALL, "--reverse_complement", dataset, f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    summary = json.loads((folder / "summary.json").read_text())
    assert {"auroc", "auprc", "mcc", "macro_f1", "mcc_at_threshold", "confusion"} <= summary["test"].keys()
    assert summary["baselines"].keys() == {"majority", "nearest centroid", "nearest in order"}
    for picture in ("evidence", "confusion_matrix", "learning_curve"):
        assert (folder / "plots" / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
    rows = [json.loads(line) for line in (folder / "predictions" / "test.jsonl").read_text().splitlines()]
    assert len(rows) == 8
    assert rows[0]["name"].split()[0] == rows[0]["label"]

    asked = launch("predict", f"--run_dir={folder}", "--mode=explain", "--input=-", stdin=b"ACGTACGTACGT\nnnnnnnnn\n")
    assert (asked.status, asked.err) == (0, "")
    known, unknown = [json.loads(line) for line in asked.out.splitlines()]
    assert [len(known["evidence"]), len(known["weights"]), known["steps"]] == [12, 12, 12]
    # Nothing but N is what the evidence is measured from.
    assert unknown["evidence"] == pytest.approx([0] * 8, abs=1e-6)
    assert sum(known["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert refused("predict", f"--run_dir={folder}", "--prompt=AC-G").startswith("line 1: expected letters")


def test_wrong_rows_and_formats_are_said_with_their_place(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("sequence,label,x\na,up,1\na,up,nan\n")
    folder = f"--run_dir={tmp_path / 'run'}"
    error = refused("run", "--task=activity", f"--dataset=csv:{path}", folder)
    assert error.startswith(f"{path}:3: expected finite numbers, found 'nan'")
    assert refused("run", "--task=pixels", f"--dataset=ts:{path}", folder).startswith("unknown format")
