"""Music from the command line: two steps, then pieces as files."""

import json

import numpy as np

from seqlab.data.loaders.midi import read_midi, write_midi
from tests.experiments.launching import launch, refused

SMALL = [
    "--task=music",
    "--conditioning=mode",
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--embedding_size=3",
    "--batch_size=4",
    "--eval_batch_size=4",
    "--transpose_semitones=2",
    "--splits=0.6,0.2,0.2",
    "--num_steps=2",
]


def rolls(size):
    for seed in range(size):
        roll = (np.random.default_rng(seed).random((6, 88)) < 0.05).astype(np.uint8)
        roll[[0, -1], 40] = 1
        yield roll


def test_a_folder_of_midi_files_is_learned_played_and_gone_on_with(tmp_path):
    for number, roll in enumerate(rolls(10)):
        write_midi(tmp_path / "music" / f"{number}.mid", roll)
    folder, prefix = tmp_path / "run", tmp_path / "music" / "3.mid"
    launched = launch("run", *SMALL, f"--dataset=midi:{tmp_path / 'music'}", f"--run_dir={folder}")
    assert launched.status == 0, launched.err
    summary = json.loads((folder / "summary.json").read_text())
    for split in ("validation", "test"):
        assert summary[split]["nll"] > summary["baselines"]["marginal"][split]["nll"] > 1
    assert summary["num_traces"] <= summary["num_shapes"]
    assert set(summary["validation"]["rules_kept"]) == {"model", "marginal", "pieces"}
    for name in ("generated_major", "generated_minor", "continued"):
        assert (folder / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert read_midi(folder / "predictions" / f"{name}.mid").any()

    asked = [f"--run_dir={folder}", "--num_tokens=5"]
    answered = launch("predict", *asked, "--input=-", stdin=f"minor\n{prefix}\n".encode())
    assert (answered.status, answered.err) == (0, "")
    styled, continued = (json.loads(line) for line in answered.out.splitlines())
    assert (len(styled["notes"]), styled["prefix_frames"]) == (5, 0)
    assert (len(continued["notes"]), continued["prefix_frames"]) == (11, 6)
    assert continued["midi"] == str(folder / "predictions" / "sample_2.mid")
    assert read_midi(folder / "predictions" / "sample_2.mid")[:6].tolist() == read_midi(prefix).tolist()
    assert (folder / "plots" / "sample_2.png").exists()

    (tmp_path / "bad.mid").write_bytes(b"RIFF of another kind")
    assert "bad.mid: byte" in refused("predict", *asked, f"--prompt={tmp_path / 'bad.mid'}")
    assert "one of the model's styles (major, minor)" in refused("predict", *asked, "--prompt=dorian")
    assert refused("predict", *asked, "--top_k=3").startswith("--top_k is for models of text")


def test_files_that_are_no_music_are_refused_with_their_place(tmp_path):
    np.savez(tmp_path / "a.npz", first=np.zeros((4, 87)))
    run = ["run", *SMALL, f"--run_dir={tmp_path / 'r'}"]
    assert refused(*run, f"--dataset=npz:{tmp_path / 'a.npz'}").startswith(
        f"{tmp_path / 'a.npz'}: first: expected a roll"
    )
    (tmp_path / "a.mid").write_bytes(b"MThd")
    assert f"{tmp_path / 'a.mid'}: byte" in refused(*run, f"--dataset=midi:{tmp_path}")
    assert not (tmp_path / "r").exists()
