import json
import re

import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.loaders.midi import write_midi
from seqlab.data.rolls import load_rolls


def rolls(size, length=5):
    found = []
    for seed in range(size):
        roll = (np.random.default_rng(seed).random((length, 88)) < 0.1).astype(np.uint8)
        roll[[0, -1], 40] = 1
        found.append(roll)
    return found


def load(dataset, **options):
    return load_rolls(dataset, data_dir="nowhere", **options)


def test_a_folder_of_midi_files_is_split_by_pieces(tmp_path):
    for number, roll in enumerate(rolls(5)):
        write_midi(tmp_path / f"sub{number % 2}" / f"{number}.MID", roll, 2)
    splits = load(f"midi:{tmp_path}", fractions=(0.6, 0.2, 0.2), frames_per_beat=2)
    assert [len(part) for part in splits.parts] == [3, 1, 1]
    every = [piece for part in splits.parts for piece in part]
    assert len({piece.place for piece in every}) == 5
    assert len(splits.checksums) == 1
    assert {piece.roll.tobytes() for piece in every} == {roll.tobytes() for roll in rolls(5)}


def test_three_files_are_the_three_splits(tmp_path):
    for name, size in (("a", 3), ("b", 2), ("c", 1)):
        np.savez(tmp_path / f"{name}.npz", *rolls(size))
    splits = load("npz:" + ",".join(str(tmp_path / f"{name}.npz") for name in "abc"))
    assert [len(part) for part in splits.parts] == [3, 2, 1]
    assert len(splits.checksums) == 3


def test_chorales_are_those_of_the_literature_and_the_same_in_both_files(data_folder):
    splits = load_rolls("jsb_chorales", data_dir=data_folder)
    assert [len(part) for part in splits.parts] == [229, 76, 77]
    assert [sum(len(piece.roll) for piece in part) for part in splits.parts] == [13807, 4602, 4725]
    as_json = load(f"json:{data_folder / 'jsb_chorales' / 'jsb-chorales-quarter.json'}")
    for part, other in zip(splits.parts, as_json.parts, strict=True):
        assert all((one.roll == two.roll).all() for one, two in zip(part, other, strict=True))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("jsb_choral", "unknown dataset 'jsb_choral'; did you mean 'jsb_chorales'"),
        ("sst2", "unknown dataset 'sst2'"),
        ("wav:a", "unknown format 'wav'. Known: json, mat, midi, npz"),
        ("npz:a,b", "expected one path, or three .* got 2"),
        ("midi:nowhere", "nowhere: expected a folder of MIDI files"),
        ("mat:nowhere", "nowhere: the file cannot be read"),
        ("json:nowhere", "nowhere"),
    ],
)
def test_names_and_files_that_are_none_are_refused(dataset, message):
    with pytest.raises(SeqlabError, match=message):
        load(dataset)


def test_a_folder_without_midi_files_and_a_split_without_pieces_are_refused(tmp_path):
    with pytest.raises(DataError, match=f"{re.escape(str(tmp_path))}: expected MIDI files"):
        load(f"midi:{tmp_path}")
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"train": [[[60], [61]]], "valid": [], "test": [[[60], [61]]]}))
    with pytest.raises(DataError, match=r"a\.json: expected rows in each split, found none to validation"):
        load(f"json:{path}")


def test_one_bad_file_of_a_folder_is_named(tmp_path):
    write_midi(tmp_path / "a.mid", rolls(1)[0])
    (tmp_path / "b.mid").write_bytes(b"MThd and no more")
    with pytest.raises(DataError, match=r"b\.mid: byte \d+: "):
        load(f"midi:{tmp_path}")
