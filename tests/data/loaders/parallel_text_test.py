import pytest

from seqlab.core.errors import DataError
from seqlab.data.loaders.parallel_text import Pair, read_line_pairs, read_pairs_tsv


@pytest.fixture
def write(tmp_path):
    def write_file(name, data):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write_file


def test_both_formats_give_the_same_pairs_with_the_place_of_the_source(write):
    tsv = write("a.tsv", "go !\tva !\ni see\tje vois\n")
    source, target = write("a.en", "go !\ni see\n"), write("a.fr", "va !\nje vois")
    assert read_pairs_tsv(tsv) == [Pair("go !", "va !", f"{tsv}:1"), Pair("i see", "je vois", f"{tsv}:2")]
    assert [pair[:2] for pair in read_line_pairs(source, target)] == [pair[:2] for pair in read_pairs_tsv(tsv)]
    assert read_line_pairs(source, target)[1].place == f"{source}:2"


def test_white_space_around_is_cut_off_and_a_line_blank_on_both_sides_is_passed_over(write):
    expected = [("a  b", "c"), ("d", "e")]
    tsv = read_pairs_tsv(write("a.tsv", "\u00a0a  b\t c \n \t \n\nd\te\n\n"))
    both = read_line_pairs(write("a.en", " a\t b\n \n\nd\n"), write("a.fr", "c \n\n\t\ne\n"))
    assert [pair[:2] for pair in tsv] == [pair[:2] for pair in both] == expected
    assert [pair.place.rpartition(":")[2] for pair in both] == ["1", "4"]


def test_windows_line_ends_and_a_byte_order_mark_are_no_part_of_a_sentence(write):
    tsv = read_pairs_tsv(write("a.tsv", b"\xef\xbb\xbfa\tb\r\nc\td\r\n"))
    both = read_line_pairs(write("a.en", b"\xef\xbb\xbfa\r\nc\r\n"), write("a.fr", "b\nd\n"))
    assert [pair[:2] for pair in tsv] == [pair[:2] for pair in both] == [("a", "b"), ("c", "d")]


def test_other_line_separators_of_unicode_do_not_shift_lines_against_each_other(write):
    both = read_line_pairs(write("a.en", "a\u2028b\nc\n"), write("a.fr", "x\ny\x85z\n"))
    assert [pair[:2] for pair in both] == [("a\u2028b", "x"), ("c", "y\x85z")]


def test_a_line_of_a_hundred_thousand_words_is_read(write):
    long = " ".join(["word"] * 100_000)
    assert read_pairs_tsv(write("a.tsv", f"{long}\tx\n"))[0].source == long
    assert read_line_pairs(write("a.en", "x"), write("a.fr", long))[0].target == long


@pytest.mark.parametrize(
    ("data", "say"),
    [
        ("a\tb\nc\n", r"a\.tsv:2: expected source TAB target, found 1 columns in 'c'"),
        ("a\tb\tCC-BY\n", r"a\.tsv:1: expected source TAB target, found 3 columns .* cut -f1,2"),
        ("a\tb\n\t d\n", r"a\.tsv:2: .* found an empty source beside 'd'"),
        ("a\t\n", r"a\.tsv:1: .* found an empty target beside 'a'"),
        ("", "found nothing"),
        (" \n\n", "expected sentences and their translations, found none"),
        (b"a\tb\n\xff\tc", "byte 4: expected UTF-8"),
        (b"a\0\tb", "byte 1: .* NUL byte"),
    ],
)
def test_a_wrong_tsv_is_refused_with_file_and_row(write, data, say):
    with pytest.raises(DataError, match=say):
        read_pairs_tsv(write("a.tsv", data))


@pytest.mark.parametrize(
    ("source", "target", "say"),
    [
        ("a\nb\n", "x\n", r"a\.en:2: expected as many lines as in .*a\.fr, which has 1; found 2"),
        ("a\n", "x\ny\nz\n", r"a\.fr:2: expected as many lines as in .*a\.en, which has 1; found 3"),
        ("a\nb\n", "x\n\n", r"a\.fr:2: .* found an empty target beside 'b'"),
        ("\nb\n", "x\ny\n", r"a\.en:1: .* found an empty source beside 'x'"),
        ("\n\n", "\n\n", "found none"),
        ("a", b"\xfe", r"a\.fr: byte 0: expected UTF-8"),
    ],
)
def test_wrong_aligned_files_are_refused_with_file_and_row(write, source, target, say):
    with pytest.raises(DataError, match=say):
        read_line_pairs(write("a.en", source), write("a.fr", target))
