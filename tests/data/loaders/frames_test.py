import numpy as np
import pytest
from PIL import Image

from seqlab.core.errors import DataError
from seqlab.data.loaders.frames import read_clips, read_images, read_labelled_clips

CLIPS = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 6), dtype=np.uint8)


def write_frames(folder, frames, name="frame_{}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(folder / name.format(number))
    return folder


def refused(path, read=read_images):
    with pytest.raises(DataError) as error:
        read(path)
    return str(error.value)


def test_a_folder_of_folders_has_a_label_and_a_clip_each_in_the_order_of_their_numbers(tmp_path):
    frames = np.repeat(np.arange(12, dtype=np.uint8)[:, None, None] * 20, 5, axis=1).repeat(6, axis=2)
    write_frames(tmp_path / "up" / "take 7", frames)  # frame_10 comes behind frame_9, and take 7 is no number of it.
    write_frames(tmp_path / "down" / "b", frames[:3])
    write_frames(tmp_path / "down" / "a", frames[:2])
    (tmp_path / "down" / "a" / ".hidden").touch()
    rows = read_labelled_clips(tmp_path)
    assert [(row.label, row.name, row.features.shape) for row in rows] == [
        ("down", "down/a", (2, 5, 6, 1)),
        ("down", "down/b", (3, 5, 6, 1)),
        ("up", "up/take 7", (12, 5, 6, 1)),
    ]
    np.testing.assert_allclose(rows[2].features[:, 0, 0, 0], np.arange(12) * 20 / 255, rtol=1e-6)
    assert rows[0].place == str(tmp_path / "down" / "a")
    assert (read_clips(tmp_path / "up" / "take 7")[0].frames == rows[2].features).all()


def test_colours_are_kept_and_transparency_is_not(tmp_path):
    colours = np.random.default_rng(1).integers(0, 256, (2, 3, 4, 4), dtype=np.uint8)
    found = read_images(write_frames(tmp_path, colours))
    np.testing.assert_allclose(found, colours[..., :3] / 255, rtol=1e-6)


def test_an_archive_gives_the_same_as_bytes_or_shares_and_cuts_by_lengths(tmp_path):
    labels, lengths = np.array(["a", "b", "a"]), np.array([4, 1, 2])
    np.savez(tmp_path / "bytes.npz", clips=CLIPS, labels=labels, lengths=lengths)
    np.savez(tmp_path / "shares.npz", clips=CLIPS[..., None] / 255.0, labels=labels, lengths=lengths)
    rows, again = (read_labelled_clips(tmp_path / f"{name}.npz") for name in ("bytes", "shares"))
    assert [(row.label, row.features.shape) for row in rows] == [
        ("a", (4, 5, 6, 1)),
        ("b", (1, 5, 6, 1)),
        ("a", (2, 5, 6, 1)),
    ]
    for row, other, clip in zip(rows, again, read_clips(tmp_path / "bytes.npz"), strict=True):
        np.testing.assert_allclose(row.features, other.features, rtol=1e-6)
        assert (clip.place, clip.frames.tolist()) == (row.place, row.features.tolist())


@pytest.mark.parametrize(
    ("arrays", "say"),
    [
        ({"clips": CLIPS}, "expected arrays clips [N, T, Y, X] or [N, T, Y, X, F] and labels [N]; found {'clips'"),
        ({"clips": CLIPS[0], "labels": np.arange(4)}, "expected arrays clips [N, T, Y, X]"),
        ({"clips": CLIPS[:, :0], "labels": np.arange(3)}, "expected arrays clips [N, T, Y, X]"),
        ({"clips": CLIPS, "labels": np.arange(4)}, "expected arrays clips [N, T, Y, X]"),
        ({"clips": CLIPS.astype(int), "labels": np.arange(3)}, "expected clips to be bytes (uint8) or floating"),
        ({"clips": CLIPS / np.where(CLIPS, 255, np.nan), "labels": np.arange(3)}, "expected finite numbers, found nan"),
        ({"clips": CLIPS, "labels": np.arange(3), "lengths": np.array([4, 5, 1])}, ":2: expected a length in [1, 4]"),
        ({"clips": CLIPS.astype(object), "labels": np.arange(3)}, "archive of arrays without pickled objects"),
        ({"clips": CLIPS, "labels": np.array([{}, 1, 2])}, "archive of arrays without pickled objects"),
    ],
)
def test_archives_that_cannot_be_read_are_refused_with_their_file(tmp_path, arrays, say):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    error = refused(path, read_labelled_clips)
    assert error.startswith(f"{path}:")
    assert say in error


def test_frames_of_unequal_size_or_colours_are_refused_with_the_file(tmp_path):
    folder = write_frames(tmp_path / "a", CLIPS[0])
    Image.fromarray(CLIPS[0, 0, :4]).save(folder / "frame_5.png")
    wanted = f"expected 5 x 6 x 1 (rows, columns, channels) as in {folder / 'frame_1.png'}, found"
    assert refused(folder) == f"{folder / 'frame_5.png'}: {wanted} 4 x 6 x 1."
    Image.fromarray(CLIPS[0, 0]).convert("RGB").save(folder / "frame_5.png")
    assert refused(folder) == f"{folder / 'frame_5.png'}: {wanted} 5 x 6 x 3."


@pytest.mark.parametrize("cut", [0, 7, 45, 60])
def test_a_broken_image_is_refused_with_its_file(tmp_path, cut):
    folder = write_frames(tmp_path / "a", CLIPS[0])
    file = folder / "frame_3.png"
    file.write_bytes(file.read_bytes()[:cut])
    assert refused(folder).startswith(f"{file}: expected an image that can be read; ")


def test_deep_images_are_refused_instead_of_clipped(tmp_path):
    folder = write_frames(tmp_path, CLIPS[0].astype(np.uint16) * 100)
    assert "frame_1.png: expected an image of 8 bits a channel" in refused(folder)


def test_folders_that_hold_something_else_are_refused_with_their_path(tmp_path):
    empty = tmp_path / "data" / "up" / "clip"
    empty.mkdir(parents=True)
    assert (
        refused(tmp_path / "data", read_labelled_clips)
        == f"{empty}: expected the frames of a clip as images, found none."
    )
    for wrong, say in {"notes.txt": "expected images of a clip", "frame.png": "expected a number in the name"}.items():
        (empty / wrong).touch()
        assert refused(empty).startswith(f"{empty / wrong}: {say}")
        (empty / wrong).unlink()
    write_frames(empty, CLIPS[0])
    (empty / "frame_02.png").touch()
    assert "expected each frame to have a number of its own; frame_02.png has the same" in refused(empty)
    assert refused(empty, read_labelled_clips).startswith(f"{empty}: expected a folder for each label, found none")
    up = tmp_path / "data" / "up"
    assert refused(up, read_labelled_clips).startswith(f"{empty}: expected a folder for each clip of this label")
    assert refused(tmp_path / "none.npz", read_clips).startswith(f"{tmp_path / 'none.npz'}: expected a zip archive")
