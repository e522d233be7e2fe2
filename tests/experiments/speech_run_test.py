"""Spoken words from the command line: two steps, then the label of a WAV file."""

import json

import numpy as np
import pytest
import soundfile

from tests.experiments.launching import launch, refused

SMALL = [
    "--task=spoken_words",
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--audio_features=mfcc",
    "--num_coefficients=5",
    "--time_masks=1",
    "--batch_size=4",
    "--eval_batch_size=8",
    "--splits=0.6,0.2,0.2",
    "--num_steps=2",
]


def test_recordings_in_folders_are_learned_drawn_and_named(tmp_path):
    rng = np.random.default_rng(0)
    for word in ("no", "yes"):
        (tmp_path / "words" / word).mkdir(parents=True)
        for number in range(10):
            soundfile.write(tmp_path / "words" / word / f"{number}.wav", rng.normal(0, 0.1, 900), 8000)
    folder = tmp_path / "run"
    launched = launch("run", *SMALL, f"--dataset=wav:{tmp_path / 'words'}", f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    for picture in ("spectrograms", "confusion_matrix", "learning_curve"):
        assert (folder / "plots" / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
    rows = [json.loads(line) for line in (folder / "predictions" / "test.jsonl").read_text().splitlines()]
    assert [row["name"].split("/")[0] for row in rows] == [row["label"] for row in rows]

    # Another rate, another width, two channels.
    soundfile.write(tmp_path / "a.wav", rng.normal(0, 0.1, (2000, 2)), 16000, subtype="PCM_24")
    asked = launch("predict", f"--run_dir={folder}", "--input=-", stdin=f"{tmp_path / 'a.wav'}\n".encode())
    assert (asked.status, asked.err) == (0, "")
    answer = json.loads(asked.out)
    assert answer["label"] in ("no", "yes")
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["steps"] == 11
    assert "none.wav: the file cannot be read" in refused("predict", f"--run_dir={folder}", "--prompt=none.wav")
