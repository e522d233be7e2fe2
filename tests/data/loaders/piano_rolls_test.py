import json
import pickle

import numpy as np
import pytest
from scipy.io import savemat

from seqlab.core.errors import DataError
from seqlab.data.loaders.piano_rolls import checked_piece, read_json_rolls, read_mat_rolls, read_npz_rolls

ROLLS = [(np.random.default_rng(seed).random((4 + seed, 88)) < 0.1).astype(np.uint8) for seed in range(6)]
PARTS = (ROLLS[:3], ROLLS[3:5], ROLLS[5:])
NAMES = {"mat": ("traindata", "validdata", "testdata"), "json": ("train", "valid", "test")}
READERS = {"mat": read_mat_rolls, "json": read_json_rolls}


def cells(rolls):
    row = np.empty((1, len(rolls)), object)
    row[0, :] = rolls
    return row


def save_mat(path, parts):
    savemat(path, {name: cells(part) for name, part in zip(NAMES["mat"], parts, strict=True)})


def save_json(path, parts):
    notes = [[[(np.flatnonzero(frame) + 21).tolist() for frame in roll] for roll in part] for part in parts]
    path.write_text(json.dumps(dict(zip(NAMES["json"], notes, strict=True))))


@pytest.mark.parametrize(("kind", "save"), [("mat", save_mat), ("json", save_json)])
def test_the_three_splits_are_read_as_they_were_written(tmp_path, kind, save):
    path = tmp_path / f"a.{kind}"
    save(path, PARTS)
    for name, found, part in zip(NAMES[kind], READERS[kind](path), PARTS, strict=True):
        assert [piece.place for piece in found] == [f"{path}: {name}:{row + 1}" for row in range(len(part))]
        for piece, roll in zip(found, part, strict=True):
            np.testing.assert_array_equal(piece.roll, roll)


def test_an_npz_has_an_array_a_piece_and_no_pickle(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, b=ROLLS[1], a=ROLLS[0].astype(bool))
    pieces = read_npz_rolls(path)
    assert [piece.place for piece in pieces] == [f"{path}: a", f"{path}: b"]
    np.testing.assert_array_equal(pieces[0].roll, ROLLS[0])
    np.savez(path, a=cells([ROLLS[0]]))
    with pytest.raises(DataError, match=r"a\.npz: expected an npz archive of arrays without pickled objects; a\.npy"):
        read_npz_rolls(path)
    path.write_bytes(pickle.dumps(ROLLS[0]))
    with pytest.raises(DataError, match=r"a\.npz: expected a zip archive with arrays"):
        read_npz_rolls(path)


@pytest.mark.parametrize(
    ("roll", "message"),
    [
        (ROLLS[0][:, 1:], r"expected a roll \[T, 88\], a column a key; found \[4, 87\]"),
        (ROLLS[0] * 2.0, "expected 0 or 1, found 2.0"),
        (np.where(ROLLS[0] == 1, np.nan, 0), "expected 0 or 1, found nan"),
        (ROLLS[0].astype(str), "expected a roll of numbers"),
        (np.zeros((3, 88)), "with notes, found no note"),
        (ROLLS[0][:1], "expected at least two frames with notes, found 1"),
    ],
)
def test_a_roll_that_is_none_is_refused_with_its_place(tmp_path, roll, message):
    with pytest.raises(DataError, match=rf"^here: .*{message}"):
        checked_piece(roll, "here")
    np.savez(tmp_path / "a.npz", fine=ROLLS[1], wrong=roll)
    with pytest.raises(DataError, match=rf"a\.npz: wrong: .*{message}"):
        read_npz_rolls(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2", "expected JSON"),
        ("[]", "found no list 'train'"),
        ('{"train": [[[60], [61]]], "valid": 3}', "found no list 'valid'"),
        ('{"train": [[[60], 61]]}', "train:1: expected a list of frames"),
        ('{"train": [[[60], [109]]]}', "train:1: frame 2: expected MIDI numbers 21 to 108; found 109"),
        ('{"train": [[[60], [60.5]]]}', "train:1: frame 2: .*found 60.5"),
        ('{"train": [[[60], [NaN]]]}', "train:1: frame 2: .*found nan"),
        ('{"train": [[[60], ["c"]]]}', "train:1: frame 2: .*found c"),
    ],
)
def test_json_of_another_kind_is_refused(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=rf"a\.json: .*{message}"):
        read_json_rolls(tmp_path / "a.json")


def test_mat_files_that_are_broken_or_lack_a_split_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"traindata": cells(PARTS[0])})
    with pytest.raises(DataError, match=r"a\.mat: expected the cells validdata; found traindata"):
        read_mat_rolls(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"a\.mat: expected a MATLAB file"):
        read_mat_rolls(path)
    with pytest.raises(DataError, match=r"none\.mat: the file cannot be read"):
        read_mat_rolls(tmp_path / "none.mat")
