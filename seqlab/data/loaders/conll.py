"""Columns of the CoNLL tasks: a word a line with its tag in the last column, an empty line behind each sentence.

    Empire   B-location
    State    I-location
    at       O

Columns are parted by tabs, or by spaces in a line without a tab; the first is the word, and every line has as many as
the first one. A line of nothing but white space ends a sentence, and so does one that begins with ``-DOCSTART-``;
several of them in a row are like one. Before a sentence's first word, a line that begins with ``# `` and does not end
in a tag is a comment. Tags are those of `seqlab.data.bio`: IOB1 and BIOES have to be converted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from seqlab.core.errors import DataError
from seqlab.data.bio import OUTSIDE, is_tag, may_follow
from seqlab.data.loaders.text import read_text

LONGEST_SENTENCE = 1000
DOCUMENT_START = "-DOCSTART-"


class Sentence(NamedTuple):
    """A tagged sentence.

    Attributes:
        words: its words.
        tags: a tag for each of them.
        row: the line of its file that the first word is on, counted from 1; 0 where there is no file.
        path: the file.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    row: int = 0
    path: str = ""


def read_conll(path: Path | str) -> list[Sentence]:
    """The sentences of a file.

    Raises:
        DataError: a file that `seqlab.data.loaders.text.read_text` refuses; a line with another number of columns, an
            empty one, or an illegal tag; a sentence of more than 1000 words; no sentence at all.
    """
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    num_columns = 0
    for row, line in enumerate([*read_text(path).split("\n"), ""], start=1):
        if not line.strip() or line.startswith(DOCUMENT_START):
            if words:
                sentences.append(Sentence(tuple(words), tuple(tags), row - len(words), str(path)))
            words, tags = [], []
        elif words or not _is_comment(line):
            place = f"{path}:{row}"
            columns = _columns(line, num_columns, place)
            num_columns = len(columns)
            words.append(columns[0])
            tags.append(_checked_tag(columns[-1], tags, place))
            if len(words) > LONGEST_SENTENCE:
                raise DataError(
                    f"{place}: expected sentences of at most {LONGEST_SENTENCE} words, found a longer one. "
                    f"Put an empty line behind each sentence."
                )
    if not sentences:
        raise DataError(f"{path}: expected sentences, a word and its tag a line; found none.")
    return sentences


def check_tags(train: Sequence[Sentence], held_out: Sequence[Sentence]) -> None:
    """Refuses types of entities that only held-out sentences have: nothing could learn them.

    Raises:
        DataError: at the first such tag.
    """
    known = {tag[2:] for sentence in train for tag in sentence.tags if tag != OUTSIDE}
    for sentence in held_out:
        for offset, tag in enumerate(sentence.tags):
            if tag != OUTSIDE and tag[2:] not in known:
                raise DataError(
                    f"{sentence.path}:{sentence.row + offset}: expected a type of entity that the training split has "
                    f"({', '.join(sorted(known)) or 'it has none'}), found '{tag}'. Correct the tag, or cut the splits "
                    f"otherwise."
                )


def _is_comment(line: str) -> bool:
    return line.startswith("# ") and not is_tag(line.split()[-1])


def _columns(line: str, expected: int, place: str) -> list[str]:
    columns = line.split("\t") if "\t" in line else line.split()
    if len(columns) < 2 or (expected and len(columns) != expected):
        wanted = f"{expected} columns as in the lines before" if expected else "a word and its tag in columns"
        raise DataError(f"{place}: expected {wanted}, found {len(columns)} in {line[:60]!r}. Part them by one tab.")
    if not columns[0].strip() or not columns[-1].strip():
        raise DataError(f"{place}: expected a word in the first column and a tag in the last, found {line[:60]!r}.")
    return columns


def _checked_tag(tag: str, before: Sequence[str], place: str) -> str:
    if not is_tag(tag):
        raise DataError(f"{place}: expected a tag O, B-TYPE or I-TYPE, found '{tag[:60]}'.")
    previous = before[-1] if before else OUTSIDE
    if not may_follow(previous, tag):
        where = f"behind '{previous}'" if before else "at the beginning of a sentence"
        raise DataError(
            f"{place}: expected '{tag}' to follow a tag of its type, found it {where}. "
            f"An entity begins with 'B{tag[1:]}' (IOB2); convert files in IOB1."
        )
    return tag
