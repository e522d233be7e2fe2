import re

import pytest

from seqlab.core.errors import DataError
from seqlab.data.loaders.conll import Sentence, check_tags, read_conll


@pytest.fixture
def write(tmp_path):
    def write_file(content):
        path = tmp_path / "a.conll"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def sentences_of(path):
    return [(sentence.words, sentence.tags, sentence.row) for sentence in read_conll(path)]


TWO = [(("Empire", "State"), ("B-a", "I-a"), 1), (("at",), ("O",), 4)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("Empire\tB-a\nState\tI-a\n\nat\tO\n", id="tabs"),
        pytest.param("Empire B-a\nState   I-a\n\nat O\n", id="spaces"),
        pytest.param("Empire\tB-a\nState\tI-a\n\t\nat\tO", id="a separator with a tab, no newline at the end"),
        pytest.param("Empire\tB-a\nState\tI-a\n \t \nat\tO\n\n\n\n", id="white space and empty lines"),
        pytest.param(b"\xef\xbb\xbfEmpire\tB-a\r\nState\tI-a\r\n\r\nat\tO\r\n", id="BOM and CRLF"),
        pytest.param("Empire NNP x B-a\nState NNP x I-a\n-DOCSTART- -X- O O\nat IN x O\n", id="four columns"),
    ],
)
def test_words_and_tags_are_read_with_their_rows(write, content):
    assert sentences_of(write(content)) == TWO


def test_comments_stand_before_a_sentence_and_hash_signs_are_words(write):
    content = "# id = 7\n#tag\tO\n# \tO\n\n# text: a b\nb\tO\n"
    assert [words for words, _, _ in sentences_of(write(content))] == [("#tag", "# "), ("b",)]
    assert [words for words, _, _ in sentences_of(write("# O\nb O\n"))] == [("#", "b")]


def test_words_of_other_white_space_stay_one_word(write):
    assert sentences_of(write("New\u2028York x\tB-a\n\u0085\x0ba\tO\n"))[0][0] == ("New\u2028York x", "\u0085\x0ba")


@pytest.mark.parametrize(
    ("content", "row", "say"),
    [
        ("a\tO\nb\n", 2, "expected 2 columns as in the lines before, found 1 in 'b'"),
        ("a\n", 1, "expected a word and its tag in columns, found 1"),
        ("a\tx\tO\n\nb\tO\n", 3, "expected 3 columns as in the lines before, found 2"),
        ("a\tO\nb\t\n", 2, "expected a word in the first column and a tag in the last"),
        ("\tO\n", 1, "expected a word in the first column"),
        ("a\tO\nb\tperson\n", 2, "expected a tag O, B-TYPE or I-TYPE, found 'person'"),
        ("a\tI-\n", 1, "expected a tag O, B-TYPE or I-TYPE, found 'I-'"),
        ("a\tS-a\n", 1, "found 'S-a'"),
        ("a\tI-a\n", 1, "expected 'I-a' to follow a tag of its type, found it at the beginning of a sentence"),
        ("a\tB-a\n\nb\tI-a\n", 3, "at the beginning of a sentence. An entity begins with 'B-a' (IOB2)"),
        ("a\tB-a\nb\tI-b\n", 2, "found it behind 'B-a'"),
        ("a\tO\n" * 1001, 1001, "expected sentences of at most 1000 words"),
    ],
)
def test_a_wrong_row_is_refused_with_its_number(write, content, row, say):
    path = write(content)
    with pytest.raises(DataError, match=re.escape(say)) as error:
        read_conll(path)
    assert str(error.value).startswith(f"{path}:{row}: ")


@pytest.mark.parametrize(
    ("content", "say"),
    [
        (b"a\tO\n\xff\tO\n", "byte 4: expected UTF-8, found 0xff"),
        (b"a\tO\n\0\tO\n", "byte 4: .*NUL"),
        (b"", "found nothing"),
        (b"\n\t\n", "expected sentences, a word and its tag a line; found none"),
        (b"-DOCSTART- O\n\n", "found none"),
    ],
)
def test_what_is_no_text_or_has_no_sentence_is_refused(write, content, say):
    with pytest.raises(DataError, match=say):
        read_conll(write(content))


def test_a_type_that_training_lacks_is_refused_where_it_stands():
    train = [Sentence(("a", "b"), ("B-x", "O"), 1, "train")]
    known = Sentence(("a", "b"), ("B-x", "I-x"), 1, "test")
    check_tags(train, [known])
    with pytest.raises(DataError, match=r"^test:8: .*training split has \(x\), found 'B-y'"):
        check_tags(train, [known, Sentence(("a", "b"), ("O", "B-y"), 7, "test")])
