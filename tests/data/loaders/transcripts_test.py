import numpy as np
import pytest
import soundfile

from seqlab.core.errors import DataError
from seqlab.data.loaders.transcripts import read_transcribed_folder


def write_wav(path, num_samples=100, rate=8000):
    soundfile.write(path, 0.5 * np.sin(np.arange(num_samples)), rate)


@pytest.fixture
def folder(tmp_path):
    for name in ("b", "a", "c.d"):
        write_wav(tmp_path / f"{name}.wav")
    return tmp_path


def test_a_folder_has_a_transcript_beside_each_recording(folder):
    for name, text in {"a": "one  two\n", "b": "", "c.d": "\tthree\n\n"}.items():
        (folder / f"{name}.txt").write_text(text)
    found = read_transcribed_folder(folder)
    assert [row.transcript for row in found] == ["one two", "", "three"]
    assert [row.recording.source for row in found] == [str(folder / f"{name}.wav") for name in ("a", "b", "c.d")]
    (folder / "b.txt").unlink()
    with pytest.raises(DataError, match=r"b.txt: expected the transcript of b.wav, found no such file"):
        read_transcribed_folder(folder)


def test_or_one_table_in_whose_order_they_come(folder):
    (folder / "transcripts.tsv").write_text("b.wav\tone\r\na\t two  three \r\nc.d\t\n")
    found = read_transcribed_folder(folder)
    assert [row.transcript for row in found] == ["one", "two three", ""]
    assert found[0].recording.source == str(folder / "b.wav")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tx\nb\tx\n", r"transcripts.tsv: expected a row for c.d.wav, found none"),
        ("a\tx\nb x\n", r"transcripts.tsv:2: expected NAME TAB TRANSCRIPT, found no tab in 'b x'"),
        ("a\tx\n../a\tx\n", r"transcripts.tsv:2: expected the name of a WAV file beside it, found '../a'"),
        ("a\tx\na.wav\ty\n", r"transcripts.tsv:2: expected one row for each recording, found 'a' again"),
    ],
)
def test_a_wrong_table_is_said_with_its_row(folder, text, message):
    (folder / "transcripts.tsv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_transcribed_folder(folder)


def test_folders_without_recordings_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected WAV files"):
        read_transcribed_folder(tmp_path)
    with pytest.raises(DataError, match="expected a folder"):
        read_transcribed_folder(tmp_path / "none")
