import gzip

import numpy as np
import pytest

from seqlab.core.errors import DataError
from seqlab.data.loaders.images import read_idx, read_idx_pair, read_pixel_csv


def idx(array):
    shape = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + shape + array.astype(np.uint8).tobytes()


IMAGES, LABELS = np.arange(12).reshape(2, 3, 2) * 20, np.array([7, 1])


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_images_and_labels_are_read_row_by_row_from_zero_to_one(tmp_path, pack):
    paths = [tmp_path / "images", tmp_path / "labels"]
    for path, array in zip(paths, (IMAGES, LABELS), strict=True):
        path.write_bytes(pack(idx(array)))
    first, second = read_idx_pair(paths)
    np.testing.assert_allclose(first.features[:, 0] * 255, [0, 20, 40, 60, 80, 100], rtol=1e-6)
    assert (first.label, second.label, second.place) == ("7", "1", f"{paths[0]}:2")


@pytest.mark.parametrize(
    ("content", "say"),
    [
        (b"\x89PNG nothing", "byte 0: expected an idx header"),
        (b"", "byte 0: expected an idx header"),
        (b"\0\0\x0d\1" + bytes(8), "byte 0: expected an idx header of unsigned bytes"),
        (idx(IMAGES)[:10], "byte 10: expected 3 axes in the header"),
        (idx(IMAGES)[:-1], "byte 27: expected 12 bytes behind the header"),
        (idx(IMAGES) + b"\0", "byte 29: expected 12 bytes"),
        (gzip.compress(idx(IMAGES), mtime=0)[:20], "expected a file compressed by gzip; it ends too early"),
    ],
)
def test_a_broken_idx_file_is_refused_with_the_byte(tmp_path, content, say):
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_idx(path)
    assert str(error.value).startswith(f"{path}: {say}")


def test_images_and_labels_of_other_numbers_are_refused(tmp_path):
    paths = [tmp_path / "images", tmp_path / "labels"]
    paths[0].write_bytes(idx(IMAGES))
    paths[1].write_bytes(idx(LABELS[:1]))
    with pytest.raises(DataError, match=r"as many labels; found \(2, 3, 2\), \(1,\)"):
        read_idx_pair(paths)


def test_a_csv_of_pixels_has_the_class_at_the_end(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("# a note\n0,16,8,5\n\n4,0,0,x\n")
    first, second = read_pixel_csv(path, largest=16.0)
    assert (first.features.tolist(), first.label, first.row) == ([[0], [1], [0.5]], "5", 2)
    assert (second.features.tolist(), second.label) == ([[0.25], [0], [0]], "x")
    for content, say in {
        "1,2,3\n1,2\n": ":2: expected pixels and a class, 3 columns; found 2",
        "1\n": ":1: expected pixels and a class",
        "17,0,1\n": ":1: expected pixels from 0 to 16 and a class, found 0 to 17",
        "-1,0,1\n": ":1: expected pixels from 0",
        "1,nan,1\n": ":1: expected finite numbers",
        "1,2,\n": ":1: expected pixels from 0 to 16 and a class",
        "# note\n": ": expected a line of pixels",
    }.items():
        path.write_text(content)
        with pytest.raises(DataError) as error:
            read_pixel_csv(path, largest=16.0)
        assert str(error.value).startswith(f"{path}{say}")
