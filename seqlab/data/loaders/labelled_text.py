r"""Texts with a label each, in three formats.

    label_first   label SPACE text              1 a stirring , funny film
    tsv           text TAB label                a stirring , funny film\t1
    folders       one folder a class, one UTF-8 file a text; the folder's name is the label

A TSV may begin with a header: a first line that has the columns ``text`` (or ``sentence``) and ``label``, among others
perhaps, which says where they are. Without one, every line has exactly two columns. There are no quotes: a quotation
mark is a character like any other. Lines that hold nothing but white space are passed over; an empty text or label is
an error. Of a text any length is read; `seqlab.tasks.text_classification` says how many words of it count.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from seqlab.core.errors import DataError
from seqlab.data.loaders.text import read_text

TEXT_COLUMNS, LABEL_COLUMN = ("text", "sentence"), "label"


class LabelledText(NamedTuple):
    """A text and its label.

    Attributes:
        text: the text.
        label: its class.
        row: the line of its file, counted from 1; 0 where the file is the text, or there is no file.
        path: the file.
    """

    text: str
    label: str
    row: int = 0
    path: str = ""

    @property
    def place(self) -> str:
        """Where it came from, for a message."""
        return f"{self.path}:{self.row}" if self.row else self.path


def read_label_first(path: Path | str) -> list[LabelledText]:
    """The texts of a file whose lines begin with a label and a space.

    Raises:
        DataError: a file that `seqlab.data.loaders.text.read_text` refuses, a line with nothing behind its label, or no
            line at all.
    """
    rows = []
    for row, line in _lines(path):
        label, _, text = line.partition(" ")
        rows.append(_checked(LabelledText(text.strip(), label.strip(), row, str(path)), "label SPACE text", line))
    return _some(rows, path)


def read_tsv(path: Path | str) -> list[LabelledText]:
    """The texts of a file with tabs between its columns.

    Raises:
        DataError: a file that `seqlab.data.loaders.text.read_text` refuses, a line with another number of columns, an
            empty text or label, or no line at all.
    """
    rows: list[LabelledText] = []
    width, text_at, label_at = 2, 0, 1
    for number, (row, line) in enumerate(_lines(path)):
        columns = line.split("\t")
        names = [column.strip().lower() for column in columns]
        header = [names.index(name) for name in TEXT_COLUMNS if name in names]
        if number == 0 and header and LABEL_COLUMN in names:
            width, text_at, label_at = len(columns), header[0], names.index(LABEL_COLUMN)
            continue
        if len(columns) != width:
            raise DataError(
                f"{path}:{row}: expected {width} columns with tabs between them, found {len(columns)} "
                f"in {line[:60]!r}. Two columns are text and label; more need a header that names them."
            )
        found = LabelledText(columns[text_at].strip(), columns[label_at].strip(), row, str(path))
        rows.append(_checked(found, "text TAB label", line))
    return _some(rows, path)


def read_folders(path: Path | str) -> list[LabelledText]:
    """The texts of a folder of folders, labels and files by name; hidden files are passed over.

    Raises:
        DataError: no such folder, no folders in it, a folder without files, or a file that is empty or not UTF-8.
    """
    path = Path(path)
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder with one folder for each label, found no folder of that name.")
    classes = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    rows = []
    for folder in classes:
        files = sorted(child for child in folder.iterdir() if child.is_file() and not child.name.startswith("."))
        if not files:
            raise DataError(f"{folder}: expected a file for each text of this label, found none.")
        for file in files:
            text = read_text(file).strip()
            rows.append(_checked(LabelledText(text, folder.name, 0, str(file)), "a text", text))
    return _some(rows, path)


READERS = {"folders": read_folders, "label_first": read_label_first, "tsv": read_tsv}


@runtime_checkable
class Labelled(Protocol):
    """A row with a label, of whatever kind."""

    @property
    def label(self) -> str:
        """Its class."""
        ...

    @property
    def path(self) -> str:
        """The file."""
        ...

    @property
    def place(self) -> str:
        """Where it came from, for a message."""
        ...


def check_labels(train: Sequence[Labelled], held_out: Sequence[Labelled]) -> None:
    """Refuses labels that only held-out rows have, as nothing could learn them, and a single label.

    Raises:
        DataError: at the first such row.
    """
    known = {row.label for row in train}
    if len(known) < 2:
        raise DataError(f"{train[0].path}: expected at least 2 labels in the training split, found {sorted(known)}.")
    for row in held_out:
        if row.label not in known:
            raise DataError(
                f"{row.place}: expected a label that the training split has ({', '.join(sorted(known)[:20])}), found "
                f"'{row.label}'. Correct the label, or cut the splits otherwise."
            )


def _lines(path: Path | str) -> list[tuple[int, str]]:
    # Other line separators of Unicode may stand inside a text, so that only newlines are counted.
    return [(row, line) for row, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]


def _checked(row: LabelledText, expected: str, line: str) -> LabelledText:
    if not row.text or not row.label:
        missing = "text" if not row.text else "label"
        raise DataError(f"{row.place}: expected {expected}, found no {missing} in {line[:60]!r}.")
    return row


def _some(rows: list[LabelledText], path: Path | str) -> list[LabelledText]:
    if not rows:
        raise DataError(f"{path}: expected texts and their labels, found none.")
    return rows
