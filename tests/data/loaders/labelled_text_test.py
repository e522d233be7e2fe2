import re

import pytest

from seqlab.core.errors import DataError
from seqlab.data.loaders.labelled_text import (
    READERS,
    LabelledText,
    check_labels,
    read_folders,
    read_label_first,
    read_tsv,
)


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="a.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def plain(rows):
    return [(row.label, row.text, row.row) for row in rows]


def test_the_label_comes_first_and_a_space_behind_it(write):
    path = write("1 a stirring , funny film\n0 flat  and dull \n\n1 5 stars\n")
    assert plain(read_label_first(path)) == [
        ("1", "a stirring , funny film", 1),
        ("0", "flat  and dull", 2),
        ("1", "5 stars", 4),
    ]


def test_two_columns_are_text_and_label(write):
    assert plain(read_tsv(write('"quoted" text\tgood\nthe label\tbad'))) == [
        ("good", '"quoted" text', 1),
        ("bad", "the label", 2),
    ]


@pytest.mark.parametrize("header", ["id\tLabel\tx\tText", "id\tlabel\tx\tsentence"])
def test_a_header_says_where_text_and_label_are(write, header):
    assert plain(read_tsv(write(f"{header}\n7\tgood\t-\tfine\n"))) == [("good", "fine", 2)]


def test_a_folder_is_a_label_and_a_file_a_text(write, tmp_path):
    for name, content in {"pos/b": "two\nlines\n", "pos/a": "one", "neg/c": "three", ".git/x": "no"}.items():
        write(content, f"data/{name}")
    write("", "data/README")
    write("", "data/pos/.hidden")
    rows = read_folders(tmp_path / "data")
    assert [(row.label, row.text) for row in rows] == [("neg", "three"), ("pos", "one"), ("pos", "two\nlines")]
    assert rows[0].place == str(tmp_path / "data" / "neg" / "c")


@pytest.mark.parametrize("kind", ["label_first", "tsv"])
def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_a_text(write, kind):
    lines = {"label_first": "good fine\nbad dull\n", "tsv": "fine\tgood\ndull\tbad\n"}[kind]
    as_windows = write(b"\xef\xbb\xbf" + lines.replace("\n", "\r\n").encode())
    assert plain(READERS[kind](as_windows)) == [("good", "fine", 1), ("bad", "dull", 2)]


def test_only_newlines_end_a_line(write):
    text = "a\u2028b\u00a0c\u0085d\x0be"
    assert plain(read_label_first(write(f"1 {text}\n"))) == [("1", text, 1)]


def test_a_text_may_have_a_hundred_thousand_words(write):
    (row,) = read_label_first(write("1 " + "word " * 100_000))
    assert row.text.count("word") == 100_000


@pytest.mark.parametrize(
    ("kind", "content", "say"),
    [
        ("label_first", "1 fine\n0\n", r"a\.txt:2: expected label SPACE text, found no text in '0'"),
        ("label_first", "1 fine\n0  \n", r"a\.txt:2: expected label SPACE text, found no text"),
        ("label_first", "1 fine\n fine\n", r"a\.txt:2: expected label SPACE text, found no label in ' fine'"),
        ("label_first", "\n\n", "expected texts and their labels, found none"),
        ("label_first", b"1 fine\n0 caf\xe9\n", r"a\.txt: byte 12: expected UTF-8, found 0xe9"),
        ("label_first", b"1 fi\0ne\n", r"a\.txt: byte 4: expected UTF-8 text, found a NUL byte"),
        ("label_first", "", "found nothing"),
        ("tsv", "fine\tgood\nfine\n", r"a\.txt:2: expected 2 columns with tabs between them, found 1 in 'fine'"),
        ("tsv", "fine\tgood\ta\n", r"a\.txt:1: expected 2 columns .*, found 3"),
        ("tsv", "id\ttext\tlabel\n1\tfine\n", r"a\.txt:2: expected 3 columns .*, found 2"),
        ("tsv", "fine\tgood\n \tgood\n", r"a\.txt:2: expected text TAB label, found no text"),
        ("tsv", "fine\t\n", r"a\.txt:1: expected text TAB label, found no label"),
        ("tsv", "text\tlabel\n", "expected texts and their labels, found none"),
        ("folders", "1 fine", "expected a folder with one folder for each label"),
    ],
)
def test_a_wrong_file_is_refused_with_its_row(write, kind, content, say):
    with pytest.raises(DataError, match=say):
        READERS[kind](write(content))


def test_folders_without_texts_are_refused(write, tmp_path):
    (tmp_path / "data" / "pos").mkdir(parents=True)
    with pytest.raises(DataError, match=r"pos: expected a file for each text of this label, found none"):
        read_folders(tmp_path / "data")
    write("", "data/pos/a")
    with pytest.raises(DataError, match=re.escape("pos/a: expected a UTF-8 text, found nothing")):
        read_folders(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="expected texts and their labels, found none"):
        read_folders(tmp_path / "empty")


def test_a_label_that_only_held_out_texts_have_is_refused_where_it_stands():
    train = [LabelledText("a", "good"), LabelledText("b", "bad")]
    check_labels(train, train)
    with pytest.raises(DataError, match=r"^test\.tsv:7: expected a label that the training split has \(bad, good\)"):
        check_labels(train, [*train, LabelledText("c", "ugly", 7, "test.tsv")])
    with pytest.raises(DataError, match=r"expected at least 2 labels in the training split, found \['good'\]"):
        check_labels(train[:1], train[:1])
