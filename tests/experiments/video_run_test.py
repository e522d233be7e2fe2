"""Videos from the command line: two steps on folders of images, then predictions of folders and of an archive."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.experiments.launching import launch, refused

SMALL = [
    "--task=activity",
    "--cell=vanilla",
    "--engine=scan",
    "--hidden_size=4",
    "--conv_layers=1",
    "--conv_size=2",
    "--conv_kernel=3",
    "--batch_size=4",
    "--eval_batch_size=4",
    "--splits=0.5,0.25,0.25",
    "--num_steps=2",
]


def write_clip(folder, frames):
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number}.png")


@pytest.mark.slow
def test_folders_of_images_are_learned_drawn_and_asked(tmp_path):
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (16, 3, 4, 6), dtype=np.uint8)
    for number, clip in enumerate(clips):
        write_clip(tmp_path / "data" / ("still", "waves")[number % 2] / f"clip {number}", clip)
    run = tmp_path / "run"
    launched = launch("run", *SMALL, f"--dataset=frames:{tmp_path / 'data'}", f"--run_dir={run}")
    assert launched.status == 0, launched.err
    summary = json.loads((run / "summary.json").read_text())
    assert summary["baselines"].keys() == {"majority", "nearest centroid", "nearest in order", "single frames"}
    assert (run / "plots" / "clips.png").read_bytes().startswith(b"\x89PNG")
    rows = [json.loads(line) for line in (run / "predictions" / "test.jsonl").read_text().splitlines()]
    assert len(rows) == 4
    assert rows[0]["name"].startswith(f"{rows[0]['label']}/clip ")

    folder, archive = tmp_path / "data" / "waves" / "clip 1", tmp_path / "a.npz"
    np.savez(archive, clips=clips[:2])
    lines = f"{folder}\n{archive}:2\n{archive}:1\n".encode()
    asked = launch("predict", f"--run_dir={run}", "--input=-", stdin=lines)
    assert (asked.status, asked.err) == (0, "")
    of_folder, of_archive, other = [json.loads(line) for line in asked.out.splitlines()]
    assert of_folder == of_archive != other
    assert of_folder["steps"] == len(of_folder["weights"]) == 3
    explained = launch("predict", f"--run_dir={run}", "--mode=explain", f"--prompt={folder}")
    assert len(json.loads(explained.out)["evidence"]) == 3

    assert refused("predict", f"--run_dir={run}", f"--prompt={archive}").startswith("line 1: expected a clip's number")
    assert f"{archive}:1 to :2" in refused("predict", f"--run_dir={run}", f"--prompt={archive}:3")
    assert refused("predict", f"--run_dir={run}", f"--prompt={tmp_path}").startswith(
        f"{tmp_path / 'a.npz'}: expected images"
    )
    (folder / "1.png").write_bytes(b"\x89PNG")
    arguments = [*SMALL, f"--dataset=frames:{tmp_path / 'data'}", f"--run_dir={tmp_path / 'other'}"]
    assert refused("run", *arguments).startswith(f"{folder / '1.png'}: expected an image that can be read")
