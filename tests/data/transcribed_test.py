import hashlib

import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.transcribed import load_transcribed
from tests.data.loaders.transcripts_test import write_wav


def sounds(part):
    return {hashlib.sha256(row.recording.samples.tobytes()).hexdigest() for row in part}


def test_yes_and_no_are_split_by_their_first_word(data_folder):
    splits = load_transcribed("yesno", data_dir=data_folder / "yesno")
    assert [len(part) for part in splits.parts] == [25, 6, 29]
    firsts = [{row.transcript.split()[0] for row in part} for part in splits.parts]
    assert firsts == [{"no"}, {"no"}, {"yes"}]
    assert {len(row.transcript.split()) for part in splits.parts for row in part} == {8}
    assert len(set.union(*map(sounds, splits.parts))) == 60


@pytest.mark.slow
def test_strings_of_an_unseen_speaker_have_no_recording_of_the_others(data_folder):
    seen, unseen = (
        load_transcribed(name, data_dir=data_folder) for name in ("connected_digits", "connected_digits_without_theo")
    )
    for splits in (seen, unseen):
        assert [len(part) for part in splits.parts] == [1000, 120, 300]
        assert len(set.union(*map(sounds, splits.parts))) == 1420
    speakers = [{row.speaker for row in part} for part in unseen.parts]
    assert speakers[2] == {"theo"}
    assert speakers[0] == speakers[1] == {row.speaker for row in seen.test} - {"theo"}


def test_folders_of_ones_own_are_split_or_are_the_splits(tmp_path):
    for folder in ("x", "y", "z"):
        (tmp_path / folder).mkdir()
        for number in range(10 if folder == "x" else 1):
            write_wav(tmp_path / folder / f"{number}.wav", 90 + number)
            (tmp_path / folder / f"{number}.txt").write_text(f"{folder} {number}")
    splits = load_transcribed(f"wav:{tmp_path / 'x'}", data_dir=".", fractions=(0.6, 0.2, 0.2))
    assert sorted(row.transcript for part in splits.parts for row in part) == [f"x {number}" for number in range(10)]
    given = load_transcribed("wav:" + ",".join(str(tmp_path / name) for name in "xyz"), data_dir=".")
    assert [row.transcript for part in given.parts[1:] for row in part] == ["y 0", "z 0"]
    with pytest.raises(SeqlabError, match=r"unknown dataset 'nothing'.*tone_words"):
        load_transcribed("nothing", data_dir=".")
