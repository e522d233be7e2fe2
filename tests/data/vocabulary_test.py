import json
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.vocabulary import BOUNDARY_ID, UNKNOWN_ID, Vocabulary

token_lists = st.lists(st.sampled_from(["a", "b", "c", "dd", "<unk>", "<eos>", "\n", "é"]), max_size=40)


@given(tokens=token_lists, min_count=st.integers(1, 4))
def test_tokens_are_ordered_by_descending_count_and_then_by_name(tokens, min_count):
    vocabulary = Vocabulary.build(tokens, boundary="<eos>", min_count=min_count)
    assert vocabulary.tokens[:2] == ("<unk>", "<eos>")
    rest = vocabulary.tokens[2:]
    counts = Counter(tokens)
    assert list(rest) == sorted(rest, key=lambda token: (-counts[token], token))
    assert set(rest) == {token for token in tokens if counts[token] >= min_count} - {"<unk>", "<eos>"}


@given(tokens=token_lists, seed=st.integers(0, 100))
def test_the_order_of_the_text_does_not_matter(tokens, seed):
    shuffled = random.Random(seed).sample(tokens, len(tokens))
    assert Vocabulary.build(tokens, boundary="\n") == Vocabulary.build(shuffled, boundary="\n")


@given(tokens=token_lists)
def test_decoding_what_was_encoded_gives_the_tokens_with_unknown_for_the_unlisted(tokens):
    vocabulary = Vocabulary.build(["a", "b", "a", "é"], boundary="<eos>")
    ids = vocabulary.encode(tokens)
    assert ids.dtype == np.int32
    assert ids.shape == (len(tokens),)
    assert vocabulary.decode(ids) == [token if token in vocabulary else "<unk>" for token in tokens]


def test_the_word_unk_is_the_unknown_token():
    vocabulary = Vocabulary.build(["<unk>", "<unk>", "the"], boundary="<eos>")
    assert vocabulary.tokens == ("<unk>", "<eos>", "the")
    assert vocabulary.encode(["<unk>", "never"]).tolist() == [UNKNOWN_ID, UNKNOWN_ID]


def test_the_boundary_is_listed_even_where_it_never_occurs():
    vocabulary = Vocabulary.build("abc", boundary="\n", min_count=5)
    assert vocabulary.boundary == "\n"
    assert vocabulary.encode("\n").tolist() == [BOUNDARY_ID]
    assert len(vocabulary) == vocabulary.size == 2


@pytest.mark.parametrize("ids", [[-1], [3], [0, 2**31]])
def test_ids_outside_the_vocabulary_are_refused(ids):
    with pytest.raises(SeqlabError, match=r"\[0, 3\)"):
        Vocabulary(("<unk>", "\n", "a")).decode(ids)


@pytest.mark.parametrize("tokens", [(), ("<unk>",), ("a", "b"), ("<unk>", "a", "b", "a")])
def test_a_vocabulary_without_unknown_or_with_a_token_twice_is_refused(tokens):
    with pytest.raises(SeqlabError):
        Vocabulary(tokens)


def test_min_count_below_one_is_refused():
    with pytest.raises(SeqlabError, match="at least 1"):
        Vocabulary.build("a", boundary="\n", min_count=0)


def test_a_saved_vocabulary_loads_as_itself(tmp_path):
    vocabulary = Vocabulary.build(['"', "\\", "\u2028", "é", "\U0001f600", "\ud800", " ", ""], boundary="\n")
    vocabulary.save(tmp_path / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "vocabulary.json") == vocabulary


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'["<unk>", "a"]',
        b'{"tokens": ["<unk>", "a", 3]}',
        b'{"tokens": "<unk>"}',
        b'{"tokens": ["<unk>", "a"], "more": 1}',
        json.dumps({"tokens": ["<unk>", "a", "a"]}).encode(),
        json.dumps({"tokens": ["a", "b"]}).encode(),
    ],
)
def test_a_malformed_vocabulary_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "vocabulary.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        Vocabulary.load(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_missing_vocabulary_file_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        Vocabulary.load(tmp_path / "none.json")
