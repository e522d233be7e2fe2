import contextlib

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.loaders.midi import LOWEST_KEY, read_midi, write_midi


def random_roll(seed, num_frames=12):
    roll = (np.random.default_rng(seed).random((num_frames, 88)) < 0.05).astype(np.uint8)
    roll[[0, -1], seed % 88] = 1  # It begins and ends in sound.
    return roll


def save(path, messages, **options):
    midi = mido.MidiFile(**options)
    midi.tracks.append(mido.MidiTrack(messages))
    midi.save(path)
    return path


def note(kind, key, time=0, channel=0):
    return mido.Message(kind, note=key, time=time, channel=channel, velocity=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("midi")


@given(seed=st.integers(0, 1000), frames_per_beat=st.integers(1, 7))
def test_what_is_written_is_read_back(folder, seed, frames_per_beat):
    roll = random_roll(seed)
    write_midi(folder / "a.mid", roll, frames_per_beat)
    np.testing.assert_array_equal(read_midi(folder / "a.mid", frames_per_beat), roll)


def test_notes_begin_and_end_at_the_nearest_frame_and_last_at_least_one(tmp_path):
    track = [note("note_on", 60, 96), note("note_off", 60, 2), note("note_on", 62, 46), note("note_off", 62, 200)]
    roll = read_midi(save(tmp_path / "a.mid", track, ticks_per_beat=96))
    # From tick 96 to 98, and from 144, a half that goes up, to 344: frames 1 to 2 and 2 to 4, after silence.
    assert [np.flatnonzero(frame).tolist() for frame in roll] == [[39], [41], [41]]
    assert read_midi(tmp_path / "a.mid", 2)[:, 41].tolist() == [0, 1, 1, 1, 1]


def test_a_note_without_velocity_is_an_end_and_one_without_an_end_lasts_as_long_as_its_track(tmp_path):
    silent = mido.Message("note_on", note=60, velocity=0, time=96)
    track = [note("note_on", 60), note("note_on", 64), silent, mido.Message("program_change", program=1, time=96)]
    roll = read_midi(save(tmp_path / "a.mid", track, ticks_per_beat=96))
    assert (roll[:, 39].tolist(), roll[:, 43].tolist()) == ([1, 0], [1, 1])


def test_drums_are_left_out_and_a_file_of_drums_has_no_notes(tmp_path):
    drums = [note("note_on", 38, channel=9), note("note_off", 38, 480, channel=9)]
    assert read_midi(save(tmp_path / "a.mid", [*drums, note("note_on", 60), note("note_off", 60, 480)])).sum() == 1
    with pytest.raises(DataError, match=r"b\.mid: expected notes, found none"):
        read_midi(save(tmp_path / "b.mid", drums))


def test_files_that_are_no_midi_or_cut_short_are_refused_with_their_place(tmp_path):
    write_midi(tmp_path / "a.mid", random_roll(0))
    whole = (tmp_path / "a.mid").read_bytes()
    for content, message in [
        (b"", "byte 0: .*too early"),
        (b"no header of a MIDI file", "byte 8: expected a standard MIDI file"),
        (whole[:-20], rf"byte {len(whole) - 20}: .*cut short"),
        (whole[:40] + b"\xff" * 40, "byte .*MIDI file"),
    ]:
        (tmp_path / "b.mid").write_bytes(content)
        with pytest.raises(DataError, match=rf"b\.mid: {message}"):
            read_midi(tmp_path / "b.mid")
    with pytest.raises(DataError, match=r"none\.mid: the file cannot be read"):
        read_midi(tmp_path / "none.mid")


@given(place=st.integers(0, 100), byte=st.integers(0, 255))
def test_a_byte_that_is_changed_gives_a_roll_or_a_data_error(folder, place, byte):
    write_midi(folder / "a.mid", random_roll(3, 4))
    content = bytearray((folder / "a.mid").read_bytes())
    content[place % len(content)] = byte
    (folder / "b.mid").write_bytes(content)
    # A defect of ours, or of mido, would be an error of another kind.
    with contextlib.suppress(DataError):
        assert read_midi(folder / "b.mid").any()


@pytest.mark.parametrize(
    ("track", "options", "message"),
    [
        (
            [note("note_on", LOWEST_KEY - 1), note("note_off", LOWEST_KEY - 1, 9)],
            {},
            "keys of a piano, 21 to 108; found 20",
        ),
        ([note("note_on", 60), note("note_off", 60, 9)], {"type": 2}, "found format 2"),
        ([note("note_on", 60), note("note_off", 60, 200_000_000)], {}, "at most 200000 frames"),
        ([note("note_on", 60), note("note_off", 60, 9)], {"ticks_per_beat": -6360}, "SMPTE"),
    ],
)
def test_files_that_make_no_roll_are_refused(tmp_path, track, options, message):
    save(tmp_path / "a.mid", track, **options)
    with pytest.raises(DataError, match=rf"a\.mid: .*{message}"):
        read_midi(tmp_path / "a.mid")


def test_wrong_arguments_are_said(tmp_path):
    with pytest.raises(SeqlabError, match="frames_per_beat must be at least 1; got 0"):
        read_midi(tmp_path / "a.mid", 0)
    with pytest.raises(SeqlabError, match=r"a roll must be \[T, 88\]"):
        write_midi(tmp_path / "a.mid", np.zeros((3, 87)))
