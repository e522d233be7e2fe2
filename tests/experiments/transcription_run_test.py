"""Transcription from the command line: two steps on a folder of recordings, then their words."""

import json

import numpy as np
import pytest
import soundfile

from seqlab.data.synthetic.tone_words import RATE, whistle
from tests.experiments.launching import TINY, launch, refused

SMALL = [
    "--task=transcription",
    "--tokens=word",
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--num_bands=8",
    "--hop_ms=40",
    "--window_ms=64",
    "--batch_size=8",
    "--eval_batch_size=4",
    "--beam_width=2",
    "--splits=0.7,0.15,0.15",
    "--num_steps=2",
]


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    rows = []
    for row in range(14):
        said = whistle(np.random.default_rng(row), "")
        soundfile.write(folder / f"{row}.wav", said.recording.samples, RATE)
        rows.append(f"{row}\t{said.transcript}\n")
    (folder / "transcripts.tsv").write_text("".join(rows))
    return folder


@pytest.mark.slow
def test_a_folder_of_recordings_is_learned_scored_drawn_and_asked(recordings, tmp_path):
    folder = tmp_path / "run"
    launched = launch("run", *SMALL, f"--dataset=wav:{recordings}", f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    summary = json.loads((folder / "summary.json").read_text())
    assert {"wer", "cer", "wer_greedy", "substitutions", "deletions", "insertions", "worst"} <= summary["test"].keys()
    assert summary["baselines"].keys() == {"most frequent transcript", "most frequent word"}
    assert (folder / "plots" / "alignment_1.png").read_bytes().startswith(b"\x89PNG")

    lines = f"{recordings / '3.wav'}\n{recordings / '0.wav'}\n".encode()
    for mode in ("transcribe", "greedy"):
        asked = launch("predict", f"--run_dir={folder}", f"--mode={mode}", "--input=-", "--beam_width=3", stdin=lines)
        assert (asked.status, asked.err) == (0, "")
        answers = [json.loads(line) for line in asked.out.splitlines()]
        assert [answer["recording"] for answer in answers] == lines.decode().split()
        for answer in answers:
            assert [said["word"] for said in answer["words"]] == answer["transcript"].split()
            assert answer["log_probability"] < 0
    assert refused("predict", f"--run_dir={folder}", "--prompt= ").startswith("line 1: expected the path of a WAV file")
    missing = tmp_path / "no.wav"
    assert refused("predict", f"--run_dir={folder}", f"--prompt={missing}").startswith(f"{missing}: the file cannot")
    other = ["--mode=transcribe", f"--prompt={recordings / '0.wav'}", f"--language_model={folder}"]
    error = refused("predict", f"--run_dir={folder}", *other)
    assert "expected a language_model with --tokens=word" in error
    assert "found a transcription" in error


def test_wrong_transcripts_and_flags_are_said(recordings, tmp_path):
    run = [f"--dataset=wav:{recordings}", f"--run_dir={tmp_path / 'run'}"]
    with open(recordings / "transcripts.tsv", "a") as file:
        file.write("14\tlow\n")
    error = refused("run", *SMALL, *run)
    assert error.startswith(f"{recordings / 'transcripts.tsv'}:15: expected the name of a WAV file beside it")
    assert "unknown tokens of a transcript" in refused("run", *SMALL, "--tokens=bpe", f"--run_dir={tmp_path / 'run'}")
    error = refused("run", *SMALL, "--language_model=nowhere", f"--run_dir={tmp_path / 'run'}")
    assert error.startswith("--language_model=nowhere: expected the folder of a run")


@pytest.mark.slow
def test_a_language_model_of_ones_own_judges_transcripts(recordings, tmp_path):
    text = tmp_path / "text.txt"
    rows = (recordings / "transcripts.tsv").read_text().splitlines()
    text.write_text("".join(row.partition("\t")[2] + "\n" for row in rows) * 9)
    language = tmp_path / "language"
    trained = launch("run", *TINY, "--tokens=word", f"--dataset=text:{text}", f"--run_dir={language}")
    assert trained.status == 0, trained.err
    folder, judged = tmp_path / "run", [f"--language_model={language}", "--language_model_weight=0.7"]
    launched = launch("run", *SMALL, *judged, f"--dataset=wav:{recordings}", f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    test = json.loads((folder / "summary.json").read_text())["test"]
    assert {"wer", "wer_without_language", "cer_without_language"} <= test.keys()
    prompt = f"--prompt={recordings / '0.wav'}"
    for more in ([], ["--language_model="], ["--label_bonus=2"]):
        answered = launch("predict", f"--run_dir={folder}", prompt, *more)
        assert (answered.status, answered.err) == (0, "")
