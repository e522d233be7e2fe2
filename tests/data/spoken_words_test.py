from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.loaders.recordings import SpokenWord
from seqlab.data.registered_recordings import SPEAKERS, official_split, split_by_speaker
from seqlab.data.spoken_words import load_spoken_words

SHARED = Path(__file__).parents[3] / "shared" / "data"
ROWS = [
    SpokenWord(np.zeros(1, np.float32), 8000, str(digit), f"{digit}_{speaker}_{number}", speaker, number)
    for digit in range(10)
    for speaker in SPEAKERS
    for number in range(20)
]


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(20, value), 8000)


def test_the_official_split_tests_on_the_first_five_of_each_speaker_and_digit():
    train, validation, test = official_split(ROWS)
    assert (len(train), len(validation), len(test)) == (780, 120, 300)
    assert {row.number for row in test} == {0, 1, 2, 3, 4}
    assert {row.number for row in validation} == {5, 6}
    assert {row.name for part in (train, validation, test) for row in part} == {row.name for row in ROWS}


def test_a_speaker_who_is_held_out_is_heard_in_the_test_alone():
    train, validation, test = split_by_speaker(ROWS, "theo")
    assert (len(train), len(validation), len(test)) == (750, 250, 200)
    assert {row.speaker for row in test} == {"theo"}
    assert {row.speaker for row in train} == {row.speaker for row in validation} == set(SPEAKERS) - {"theo"}
    assert {row.name for row in train}.isdisjoint(row.name for row in validation)


@pytest.mark.skipif(not SHARED.exists(), reason="the data sets are not beside the checkout")
def test_the_registered_recordings_are_read_and_parted():
    splits = load_spoken_words("fsdd", data_dir=SHARED)
    assert [len(part) for part in splits.parts] == [780, 120, 300]
    assert {row.rate for part in splits.parts for row in part} == {8000}
    assert {row.label for row in splits.test} == set("0123456789")
    assert {row.speaker for row in splits.train} == set(SPEAKERS)


def test_folders_of_words_are_cut_by_fractions_or_are_the_three_parts(tmp_path):
    for number in range(20):
        write(tmp_path / "all" / ("up" if number % 2 else "down") / f"{number}.wav", number / 20)
    splits = load_spoken_words(f"wav:{tmp_path / 'all'}", data_dir=tmp_path, fractions=(0.6, 0.2, 0.2))
    assert [len(part) for part in splits.parts] == [12, 4, 4]
    assert len(splits.checksums[str(tmp_path / "all")]) == 64
    three = ",".join([str(tmp_path / "all")] * 3)
    assert [len(part) for part in load_spoken_words(f"wav:{three}", data_dir=tmp_path).parts] == [20, 20, 20]


def test_a_folder_named_like_the_spoken_digits_has_their_split(tmp_path):
    for digit in range(2):
        for number in range(8):
            write(tmp_path / f"{digit}_ann_{number}.wav", 0.1)
    splits = load_spoken_words(f"fsdd:{tmp_path}", data_dir=tmp_path)
    assert [len(part) for part in splits.parts] == [2, 4, 10]


def test_a_word_that_is_tested_but_not_trained_on_and_unknown_names_are_refused(tmp_path):
    for part, words in (("a", ("up", "down")), ("b", ("up", "left"))):
        for word in words:
            write(tmp_path / part / word / "1.wav", 0.1)
    with pytest.raises(DataError, match=r"b/left/1\.wav: expected a label that the training split has"):
        load_spoken_words(f"wav:{tmp_path / 'a'},{tmp_path / 'b'},{tmp_path / 'a'}", data_dir=tmp_path)
    with pytest.raises(SeqlabError, match="unknown dataset 'fsd'; did you mean 'fsdd'"):
        load_spoken_words("fsd", data_dir=tmp_path)
