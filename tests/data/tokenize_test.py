import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqlab.data.tokenize import TOKENIZERS, separate_punctuation

texts = st.text(max_size=60) | st.text(alphabet=" \n\tab<eos>\u2028\u00a0", max_size=60)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=texts)
@example(text="")
@example(text="<eos>\n <eos>x\n\n")
def test_splitting_what_was_joined_gives_the_tokens_again(name, text):
    tokenizer = TOKENIZERS[name]
    tokens = tokenizer.split(text)
    assert tokenizer.split(tokenizer.join(tokens)) == tokens


@given(text=texts)
def test_characters_join_to_the_text_itself(text):
    assert TOKENIZERS["char"].join(TOKENIZERS["char"].split(text)) == text


@given(text=texts)
def test_every_newline_is_one_boundary_and_every_word_is_kept(text):
    tokenizer = TOKENIZERS["word"]
    tokens = tokenizer.split(text)
    assert tokens.count(tokenizer.boundary) == text.count("\n") + text.split().count("<eos>")
    words = [token for token in tokens if token != "<eos>"]
    assert words == [word for word in text.split() if word != "<eos>"]


def test_a_unicode_line_separator_ends_no_line():
    assert TOKENIZERS["word"].split("a\u2028b\nc") == ["a", "b", "<eos>", "c"]


@given(text=texts | st.text(alphabet="ab-'’.0 é", max_size=30))
def test_separating_punctuation_loses_nothing_but_white_space_and_is_done_once(text):
    separated = separate_punctuation(text)
    assert "".join(separated.split()) == "".join(text.split())
    assert separate_punctuation(separated) == separated


def test_a_mark_stands_alone_and_hyphens_stay_within_a_word():
    assert separate_punctuation('"Êtes-vous prêts", dit-il.') == '" Êtes-vous prêts " , dit-il .'
