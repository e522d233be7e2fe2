import re

import numpy as np
import pytest

from seqlab.core.errors import DataError
from seqlab.data.loaders.vectors import read_vectors


@pytest.fixture
def write(tmp_path):
    def write_file(content):
        path = tmp_path / "vectors.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("a 1 -2.5\nb 3e-1 4\nc 0 0\n", id="GloVe"),
        pytest.param("3 2\na 1 -2.5 \nb 0.3 4 \nc 0 0 \n", id="word2vec"),
        pytest.param("\ufeffa 1 -2.5\r\nb .3 4\r\nc 0 0", id="BOM, CRLF, no newline at the end"),
        pytest.param("a 1 -2.5\nb 0.3 4\n. . . 0 0\na 9 9\n", id="a word with spaces, a word twice"),
    ],
)
def test_vectors_of_wanted_words_are_read(write, content):
    vectors = read_vectors(write(content), {"a", "b", "z"})
    assert {word: vector.dtype for word, vector in vectors.items()} == {"a": np.float32, "b": np.float32}
    np.testing.assert_allclose(vectors["a"], [1, -2.5])
    np.testing.assert_allclose(vectors["b"], [0.3, 4])


@pytest.mark.parametrize(
    ("content", "row", "say"),
    [
        ("a 1 2\nb 1\n", 2, "expected a word and 2 numbers as in the lines before, found 2 columns"),
        ("a 1 2\nb 1 2 3\n", 2, "expected 2 numbers as in the lines before, found more"),
        ("2 3\na 1 2\n", 2, "expected a word and 3 numbers"),
        ("a 1 2\nb 1 x\n", 2, "could not convert string to float: 'x'"),
        ("a 1 2\n\nb 1 2\n", 2, "found 1 columns"),
        ("a 1 nan\n", 1, "expected finite numbers, found nan"),
        ("a 1 1e99\n", 1, "expected finite numbers, found 1e99"),
        ("a\n", 1, "expected a word and its numbers"),
        (b"a 1 2\n\xff 1 2\n", 2, "expected UTF-8, found 0xff"),
        (b"a 1 2\nb\0 1 2\n", 2, "expected UTF-8 text, found a NUL byte"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_wrong_row_is_refused_with_its_number_even_where_its_word_is_not_wanted(write, content, row, say):
    path = write(content)
    with pytest.raises(DataError, match=re.escape(say)) as error:
        read_vectors(path, set())
    assert str(error.value).startswith(f"{path}:{row}: ")


def test_a_file_without_vectors_is_refused(write, tmp_path):
    with pytest.raises(DataError, match="found nothing"):
        read_vectors(write(""), {"a"})
    with pytest.raises(DataError, match="cannot be read"):
        read_vectors(tmp_path / "none.txt", {"a"})
