"""How a text becomes tokens, and tokens become a text again.

A tokenizer is a pair of pure functions, `split` and `join`, and a boundary token. The boundary stands where one line
ends and the next begins; a language model reads it before the first token of a text, so that the first token has a
probability too. Two laws hold:

    split(join(tokens)) == tokens     for all tokens that `split` gives
    join(split(text)) == text         for characters; words lose which white space stood between them

Words are what stands between white space. `separate_punctuation` makes such words of a text in which punctuation
clings to them.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

END_OF_LINE = "<eos>"
# A word may have hyphens within, and ends in an apostrophe that it has; all else is a token by itself.
_WORD = re.compile(r"\w+(?:-\w+)*['’]?|[^\w\s]")


class Tokenizer(NamedTuple):
    """A way to cut texts.

    Attributes:
        split: text -> tokens.
        join: tokens -> text.
        boundary: the token that stands between two lines.
    """

    split: Callable[[str], list[str]]
    join: Callable[[Sequence[str]], str]
    boundary: str


def split_characters(text: str) -> list[str]:
    """Every code point is a token.

    >>> split_characters("to be")
    ['t', 'o', ' ', 'b', 'e']
    """
    return list(text)


def join_characters(tokens: Sequence[str]) -> str:
    """The text again, exactly."""
    return "".join(tokens)


def split_words(text: str) -> list[str]:
    r"""Words between white space; every newline becomes ``<eos>``.

    >>> split_words("to be ,\nor not\n")
    ['to', 'be', ',', '<eos>', 'or', 'not', '<eos>']
    """
    return text.replace("\n", f" {END_OF_LINE} ").split()


def join_words(tokens: Sequence[str]) -> str:
    r"""Words with one space between them, and a newline for each ``<eos>``.

    >>> join_words(["to", "be", "<eos>", "or"])
    'to be\nor'
    """
    lines: list[list[str]] = [[]]
    for token in tokens:
        if token == END_OF_LINE:
            lines.append([])
        else:
            lines[-1].append(token)
    return "\n".join(" ".join(words) for words in lines)


def separate_punctuation(text: str) -> str:
    """The text with one blank between its words, and between them and punctuation.

    A rule of one line for any language that parts words by blanks: hyphens stay inside a word, and an apostrophe stays
    with what is before it, as French elides. Doing it twice is like doing it once.

    >>> separate_punctuation("Qu'est-ce que c'est\u202f?  I don't know.")
    "Qu' est-ce que c' est ? I don' t know ."
    """
    return " ".join(_WORD.findall(text))


TOKENIZERS = {
    "char": Tokenizer(split_characters, join_characters, boundary="\n"),
    "word": Tokenizer(split_words, join_words, boundary=END_OF_LINE),
}
