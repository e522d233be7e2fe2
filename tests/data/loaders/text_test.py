import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import DataError
from seqlab.data.loaders.text import decode_text, read_text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("é\n".encode(), "é\n"),
        (b"\xef\xbb\xbfa\n", "a\n"),
        (b"a\r\nb\rc\n\r\n", "a\nb\nc\n\n"),
        ("a\u2028b\x0bc\x85".encode(), "a\u2028b\x0bc\x85"),
        (b" ", " "),
    ],
)
def test_a_text_file_is_read_with_newlines_as_its_only_line_ends(tmp_path, content, text):
    (tmp_path / "a.txt").write_bytes(content)
    assert read_text(tmp_path / "a.txt") == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found nothing"),
        (b"\xef\xbb\xbf", "found nothing"),
        ("abcdé".encode("latin-1"), "byte 4: expected UTF-8, found 0xe9"),
        (b"ab\xed\xa0\x80", "byte 2: expected UTF-8, found 0xed"),
        (b"abc\xf0\x9f", "byte 3: expected UTF-8, found 0xf0"),
        (b"abc\0def", "byte 3: .*NUL"),
        (b"a\0b\xff", "byte 1: .*NUL"),
        (b"a\xffb\0", "byte 1: expected UTF-8, found 0xff"),
        ("ab".encode("utf-16"), "byte 0: expected UTF-8"),
    ],
)
def test_a_file_that_is_no_utf8_text_is_refused_at_its_first_bad_byte(tmp_path, content, message):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_text(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@given(content=st.binary(max_size=40))
def test_any_bytes_are_either_read_or_refused_with_their_place(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.txt"
    path.write_bytes(content)
    kept = content.removeprefix(b"\xef\xbb\xbf")
    if kept and b"\0" not in kept and is_utf8(kept):
        assert read_text(path).encode() == kept.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    else:
        with pytest.raises(DataError) as error:
            read_text(path)
        assert str(error.value).startswith(f"{path}: ")


def is_utf8(content):
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_bytes_that_are_no_file_are_named_in_the_error():
    assert decode_text(b"a\r\n", "standard input") == "a\n"
    with pytest.raises(DataError, match="standard input: byte 1: expected UTF-8"):
        decode_text(b"a\xff", "standard input")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="no file of that name"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(DataError, match="a folder"):
        read_text(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_text(tmp_path / ("a" * 300))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="no regular file"):
        read_text(tmp_path / "pipe")
