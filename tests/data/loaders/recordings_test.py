import io
import zipfile

import numpy as np
import pytest
import soundfile

from seqlab.core.errors import DataError
from seqlab.data.loaders.recordings import read_digits, read_words, recordings_in


def wav_of(value, num_samples=10, rate=8000):
    file = io.BytesIO()
    soundfile.write(file, np.full(num_samples, value), rate, subtype="PCM_16", format="WAV")
    return file.getvalue()


FILES = {"no/b.wav": wav_of(-0.5), "yes/a.WAV": wav_of(0.5, rate=16000), "yes/notes.txt": b"not a sound"}


@pytest.fixture(params=["folder", "archive"])
def put(request, tmp_path):
    """Puts files into a folder or an archive, and returns its path."""

    def put_files(files):
        path = tmp_path / "sounds"
        if request.param == "archive":
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        else:
            for name, content in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(content)
        return path

    return put_files


def test_a_folder_for_each_word_gives_its_recordings_their_labels(put):
    path = put(FILES)
    rows = read_words(path)
    assert [(row.label, row.name, row.rate, row.samples[0].item()) for row in rows] == [
        ("no", "no/b.wav", 8000, -0.5),
        ("yes", "yes/a.WAV", 16000, 0.5),
    ]
    assert rows[0].place == f"{path}/no/b.wav"
    assert rows[0].recording.rate == 8000


def test_names_of_the_spoken_digits_say_word_speaker_and_number(put):
    (row,) = read_digits(put({"recordings/7_mary_ann_32.wav": wav_of(0.25), "recordings/._7_x_1.wav": b"of macOS"}))
    assert (row.label, row.speaker, row.number, row.name) == ("7", "mary_ann", 32, "7_mary_ann_32")


def test_what_does_not_say_its_word_is_refused(put):
    path = put({"a.wav": wav_of(0.0)})
    with pytest.raises(DataError, match=r"sounds/a\.wav: expected a folder for each word"):
        read_words(path)
    with pytest.raises(DataError, match=r"sounds/a\.wav: expected a name WORD_SPEAKER_NUMBER\.wav"):
        read_digits(path)


def test_a_collection_without_sound_or_with_a_damaged_one_is_refused(put):
    with pytest.raises(DataError, match="expected WAV files in it, found none"):
        read_words(put({"a/a.txt": b"a"}))
    with pytest.raises(DataError, match=r"sounds/a/b\.wav: byte 0: expected a WAV file"):
        read_words(put({"a/b.wav": b"a"}))


def test_no_collection_and_a_damaged_archive_are_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/a.wav", np.random.default_rng(0).bytes(1000))
    content = bytearray(buffer.getvalue())
    content[200:240] = bytes(40)
    (tmp_path / "damaged").write_bytes(content)
    (tmp_path / "text").write_text("no archive")
    for name in ("damaged", "text", "none"):
        with pytest.raises(DataError, match=f"{name}: expected a zip archive with WAV files"):
            list(recordings_in(tmp_path / name))


def test_an_archive_cannot_write_beside_itself(tmp_path):
    path = tmp_path / "inner" / "evil.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../yes/a.wav", wav_of(0.5))
    assert [row.label for row in read_words(path)] == ["yes"]
    assert sorted(tmp_path.rglob("*")) == [path.parent, path]
