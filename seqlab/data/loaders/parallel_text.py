r"""Parallel text: sentences of one language and their translations, in two formats.

    tsv     source TAB target, one pair a line        go away !\tva-t' en !
    files   two files with as many lines; a sentence and its translation have the same line number

A TSV has exactly two columns and no header. A line of either format may be of any length. Where both sides of a line
are nothing but white space, it is passed over; an empty side beside one that is not is an error. White space around a
sentence is cut off, and a tab within it becomes a blank; nothing else is changed.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from seqlab.core.errors import DataError
from seqlab.data.loaders.text import read_text


class Pair(NamedTuple):
    """A sentence and its translation.

    Attributes:
        source: what is translated.
        target: its translation.
        place: where they come from, as a message says it: ``path:row`` of the source; empty where there is no file.
    """

    source: str
    target: str
    place: str = ""


def read_pairs_tsv(path: Path | str) -> list[Pair]:
    """The pairs of a file with a tab between source and target.

    Raises:
        DataError: a file that `seqlab.data.loaders.text.read_text` refuses, a line with another number of columns, an
            empty side, or no pair at all.
    """
    return pairs_of_tsv(read_text(path), str(path))


def pairs_of_tsv(text: str, path: str) -> list[Pair]:
    r"""The pairs of a text in that format; ``path`` names it in errors, which are those of `read_pairs_tsv`.

    >>> pairs_of_tsv("go !\tva !\n", "a.tsv")
    [Pair(source='go !', target='va !', place='a.tsv:1')]
    """
    rows = []
    # Other line separators of Unicode may stand inside a sentence, so that only newlines are counted.
    for row, line in enumerate(text.split("\n"), start=1):
        columns = line.split("\t")
        if line.strip() and len(columns) != 2:
            raise DataError(
                f"{path}:{row}: expected source TAB target, found {len(columns)} columns in {line[:60]!r}. "
                f"Cut further columns off, for example with cut -f1,2."
            )
        if line.strip():
            rows.append((columns[0], columns[1], f"{path}:{row}", f"{path}:{row}"))
    return _checked(rows, path)


def read_line_pairs(source: Path | str, target: Path | str) -> list[Pair]:
    """The pairs of two files, line by line.

    Raises:
        DataError: a file that `seqlab.data.loaders.text.read_text` refuses, unequal numbers of lines, an empty side, or
            no pair at all.
    """
    lines, other = (read_text(path).removesuffix("\n").split("\n") for path in (source, target))
    if len(lines) != len(other):
        longer, shorter = (source, target) if len(lines) > len(other) else (target, source)
        first = min(len(lines), len(other)) + 1
        raise DataError(
            f"{longer}:{first}: expected as many lines as in {shorter}, which has {first - 1}; found "
            f"{max(len(lines), len(other))}. Line n of one file must be the translation of line n of the other."
        )
    rows = (
        (ours, theirs, f"{source}:{row}", f"{target}:{row}")
        for row, (ours, theirs) in enumerate(zip(lines, other, strict=True), start=1)
        if ours.strip() or theirs.strip()
    )
    return _checked(rows, str(source))


def _checked(rows: Iterable[tuple[str, str, str, str]], path: str) -> list[Pair]:
    """Pairs of (source, target, the source's place, the target's place)."""
    pairs = []
    for source, target, source_place, target_place in rows:
        pair = Pair(source.strip().replace("\t", " "), target.strip().replace("\t", " "), source_place)
        if not pair.source or not pair.target:
            side, place = ("source", source_place) if not pair.source else ("target", target_place)
            raise DataError(
                f"{place}: expected a sentence and its translation, found an empty {side} beside "
                f"{(pair.source or pair.target)[:60]!r}. Fill it in, or leave the line out on both sides."
            )
        pairs.append(pair)
    if not pairs:
        raise DataError(f"{path}: expected sentences and their translations, found none.")
    return pairs
