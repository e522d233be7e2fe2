import sys

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.codec import KINDS, SUBWORDS, load_codec, make_codec
from seqlab.data.synthetic.reordering import reordering_splits
from seqlab.data.vocabulary import BOUNDARY_ID, UNKNOWN_ID

TEXTS = [pair.target for pair in reordering_splits()[0]]
CODECS = {kind: make_codec(TEXTS, kind, vocabulary_size=100) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_training_text_comes_back_from_its_ids(kind):
    codec = CODECS[kind]
    for text in TEXTS[:200]:
        ids = codec.encode(text)
        assert ids.dtype == np.int32
        assert ids.min() > BOUNDARY_ID
        assert ids.max() < codec.size
        assert codec.decode(ids) == text


@pytest.mark.parametrize("kind", SUBWORDS)
@hypothesis.given(text=st.text(alphabet=sorted(set("".join(TEXTS)))))
def test_any_text_of_known_characters_comes_back_from_pieces(kind, text):
    codec = CODECS[kind]
    assert UNKNOWN_ID not in codec.encode(text)
    assert codec.decode(codec.encode(text)) == text


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_unknown_comes_back_as_unknown_and_boundaries_do_not(kind):
    codec = CODECS[kind]
    ids = codec.encode("la Ж kano")
    assert (ids == UNKNOWN_ID).sum() == 1
    assert codec.decode([BOUNDARY_ID, *ids.tolist(), BOUNDARY_ID]) == "la <unk> kano"
    assert codec.decode([BOUNDARY_ID]) == codec.decode(codec.encode("")) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_ids_out_of_range_are_refused(kind):
    for index in (-1, CODECS[kind].size):
        with pytest.raises(SeqlabError, match=rf"ids must lie in \[0, {CODECS[kind].size}\)"):
            CODECS[kind].decode([index])


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_codec_is_the_same_and_so_is_one_made_again(kind, tmp_path):
    CODECS[kind].save(tmp_path / "codec")
    assert load_codec(tmp_path / "codec", kind) == CODECS[kind]
    assert make_codec(iter(TEXTS), kind, vocabulary_size=100) == CODECS[kind]


@pytest.mark.parametrize("kind", SUBWORDS)
def test_pieces_are_as_many_as_asked_for_and_fewer_than_characters(kind):
    assert CODECS[kind].size == 100
    text = " ".join(TEXTS[:50])
    assert len(text.split()) < len(CODECS[kind].encode(text)) < 0.5 * len(text)


def test_rare_words_are_left_out():
    assert make_codec(["a a b"], "word", min_count=2).size == 3


@pytest.mark.parametrize("kind", SUBWORDS)
@pytest.mark.parametrize("asked", [10**6, 10**12])
def test_a_size_that_is_too_large_is_refused_with_one_that_works(kind, asked):
    with pytest.raises(SeqlabError, match=rf"--vocabulary_size={asked}: .* Use \d+ or fewer") as error:
        make_codec(TEXTS[:20], kind, vocabulary_size=asked)
    largest = int(str(error.value).split()[-3])
    assert make_codec(TEXTS[:20], kind, vocabulary_size=largest).size == largest


@pytest.mark.parametrize("kind", SUBWORDS)
@pytest.mark.parametrize("asked", [-1, 0, 2, 5])
def test_a_size_that_is_too_small_is_refused_with_the_smallest_that_works(kind, asked):
    with pytest.raises(SeqlabError, match=rf"--vocabulary_size={asked}: .* Use \d+ or more") as error:
        make_codec(TEXTS[:20], kind, vocabulary_size=asked)
    smallest = int(str(error.value).split()[-3])
    assert make_codec(TEXTS[:20], kind, vocabulary_size=smallest).size == smallest


@pytest.mark.parametrize("kind", SUBWORDS)
def test_lines_of_a_hundred_thousand_words_are_learned_from_and_encoded(kind):
    for line in (" ".join(["a bc d"] * 33_334), "abc" * 100_000):
        codec = make_codec([line], kind, vocabulary_size=7 if "d" in line else 6)
        assert codec.decode(codec.encode(line)) == line


def test_other_kinds_and_texts_without_words_are_refused():
    with pytest.raises(SeqlabError, match="unknown vocabulary 'bpee'; did you mean 'bpe'"):
        make_codec(TEXTS, "bpee")
    with pytest.raises(SeqlabError, match="unknown vocabulary 'char'"):
        load_codec("none", "char")
    with pytest.raises(SeqlabError, match="found 2 empty ones"):
        make_codec(["", " "], "bpe")


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path):
    (tmp_path / "model").write_bytes(b"\x00other")
    with pytest.raises(DataError, match=r"model: expected a model of sentencepiece, found 6 other bytes"):
        load_codec(tmp_path / "model", "bpe")
    with pytest.raises(DataError, match="gone: the model of pieces cannot be read"):
        load_codec(tmp_path / "gone", "unigram")
    with pytest.raises(DataError, match="expected a vocabulary in JSON"):
        load_codec(tmp_path / "model", "word")


def test_a_model_with_other_first_ids_is_refused(tmp_path):
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_prefix=str(tmp_path / "m"), vocab_size=50, minloglevel=2
    )
    with pytest.raises(DataError, match=r"m\.model: .* have the ids 0 and 1; found 0 and 2"):
        load_codec(tmp_path / "m.model", "unigram")


def test_pieces_without_the_library_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    assert make_codec(TEXTS, "word").size > 2
    with pytest.raises(SeqlabError, match=r"pip install 'seqlab\[text\]'"):
        make_codec(TEXTS, "bpe")
