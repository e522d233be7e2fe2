"""Translation from the command line: two steps, then predictions."""

import json

from tests.experiments.launching import launch, refused

SMALL = [
    "--task=translation",
    "--tokens=bpe",
    "--vocabulary_size=24",
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--embedding_size=3",
    "--batch_size=8",
    "--eval_batch_size=8",
    "--beam_width=2",
    "--splits=0.6,0.2,0.2",
    "--num_steps=2",
]


def test_a_file_of_pairs_is_learned_scored_drawn_and_asked(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"the film {a} was {b} today\tder film {b} {a} heute\n" for a in "abcd" for b in "abcd"))
    folder = tmp_path / "run"
    launched = launch("run", *SMALL, f"--dataset=tsv:{path}", f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["num_traces"] <= summary["num_shapes"] <= 6
    for split in ("validation", "test"):
        assert 0 <= summary[split]["bleu"] <= 100
        assert "tok:13a" in summary[split]["bleu_signature"]
        assert summary["baselines"]["dictionary"][split]["chrf"] > 5
    assert (folder / "plots" / "attention_1.png").read_bytes().startswith(b"\x89PNG")

    asked = ["--input=-", "--mode=translate", "--beam_width=3"]
    answered = launch("predict", f"--run_dir={folder}", *asked, stdin=b"the film a was b today\na film\n")
    assert (answered.status, answered.err) == (0, "")
    answers = [json.loads(line) for line in answered.out.splitlines()]
    assert [answer["source"] for answer in answers] == ["the film a was b today", "a film"]
    assert all(answer["log_probability"] < 0 for answer in answers)
    assert refused("predict", f"--run_dir={folder}", "--prompt= ").startswith("line 1: expected a sentence")


def test_wrong_files_and_flags_are_said(tmp_path):
    (tmp_path / "a").write_text("one\ntwo\n")
    (tmp_path / "b").write_text("un\n")
    error = refused("run", *SMALL, f"--dataset=files:{tmp_path / 'a'},{tmp_path / 'b'}", f"--run_dir={tmp_path / 'r'}")
    assert str(tmp_path / "b") in error
    assert "2" in error
    error = refused("run", *SMALL, "--vocabulary_size=90000", f"--run_dir={tmp_path / 'r'}")
    assert error.startswith("--vocabulary_size=90000: too many")
    error = refused("run", *SMALL, "--tokens=char", f"--run_dir={tmp_path / 'r'}")
    assert "bpe, unigram, word" in error
