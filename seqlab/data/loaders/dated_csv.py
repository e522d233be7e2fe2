"""Series in CSV files with dates.

The first row names the columns; the first column of every other row is a date or a time in ISO 8601 (``1949-01``,
``2016-07-01``, ``2016-07-01 13:00:00``), without an offset from UTC; the others are numbers. Dates have to follow each
other in steps of equal width: of the same number of seconds, or of the same number of months.

Nothing is filled in silently. An empty field is a missing value, and is refused unless the caller takes gaps; text, nan
and infinity are refused always, as are dates that are missing, doubled or out of order.
"""

import csv
import math
import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import DataError, SeqlabError, unknown_name
from seqlab.data.loaders.text import read_text
from seqlab.data.splits import split_by_position

SHOWN_WIDTH = 40


class Width(NamedTuple):
    """How far one row is from the next: months, or else seconds.

    Attributes:
        months: calendar months; 0 where the width is in seconds.
        seconds: seconds; 0 where it is in months.
    """

    months: int
    seconds: float

    def after(self, date: datetime, steps: int = 1) -> datetime:
        """The date ``steps`` rows later; of a month that is too short, its last day.

        Raises:
            SeqlabError: it lies beyond the year 9999.

        >>> Width(months=1, seconds=0.0).after(datetime(1949, 12, 1), 2)
        datetime.datetime(1950, 2, 1, 0, 0)
        """
        try:
            if not self.months:
                return date + timedelta(seconds=self.seconds * steps)
            year, month = divmod(12 * date.year + date.month - 1 + self.months * steps, 12)
            return date.replace(year=year, month=month + 1, day=min(date.day, monthrange(year, month + 1)[1]))
        except (OverflowError, ValueError) as error:
            raise SeqlabError(f"expected dates up to the year 9999; {steps} x {self} after {date} is none.") from error

    def __str__(self) -> str:
        """In words."""
        if self.months:
            return f"{self.months} month{'s' * (self.months > 1)}"
        return str(timedelta(seconds=self.seconds))


class Series(NamedTuple):
    """Numbers at dates of equal distance.

    Attributes:
        columns: the names of the C columns.
        dates: of the N rows.
        values: [N, C] in float64; nan where a value is missing, if gaps were taken.
        width: from one date to the next.
        source: the file, for messages.
    """

    columns: tuple[str, ...]
    dates: Sequence[datetime]
    values: np.ndarray
    width: Width
    source: str

    def part(self, first: int, last: int) -> "Series":
        """Rows ``first`` to ``last - 1``."""
        return self._replace(dates=self.dates[first:last], values=self.values[first:last])

    def split(self, fractions: Sequence[float]) -> tuple["Series", "Series", "Series"]:
        """The three parts that `seqlab.data.splits.split_by_position` cuts.

        Raises:
            SeqlabError: fractions of another kind, or too few rows.
        """
        train, validation, _ = (len(part) for part in split_by_position(range(len(self.values)), fractions))
        cut = train + validation
        return self.part(0, train), self.part(train, cut), self.part(cut, len(self.values))


def read_dated_csv(path: Path | str, columns: Sequence[str] = (), *, gaps: bool = False) -> Series:
    """A series from a CSV file; ``columns`` and ``gaps`` as in `parse_dated_csv`.

    Raises:
        DataError: a file that is no text, or a wrong row, with its place.
        SeqlabError: a column that the file does not have.
    """
    return parse_dated_csv(read_text(path), str(path), columns, gaps=gaps)


def parse_dated_csv(text: str, source: str, columns: Sequence[str] = (), *, gaps: bool = False) -> Series:
    r"""A series from the text of a CSV file.

    Args:
        text: the whole file.
        source: its name, for messages.
        columns: the columns to read, in this order; none for all.
        gaps: whether empty fields are missing values, nan in the result.

    Raises:
        DataError: a wrong row, with its place.
        SeqlabError: a column that the file does not have.

    >>> series = parse_dated_csv("month,rain\n1949-01,3\n1949-02,4.5\n", "a.csv")
    >>> series.columns, series.values.tolist(), str(series.width)
    (('rain',), [[3.0], [4.5]], '1 month')
    """
    # Blank lines are left out, so each row is kept with the number of its line.
    reader = csv.reader(text.split("\n"), strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend((reader.line_num, row) for row in reader if row)
    except csv.Error as error:
        raise DataError(f"{source}:{reader.line_num}: expected comma-separated fields; {error}.") from error
    if len(rows) < 3:
        raise DataError(f"{source}: expected a row of names and at least 2 rows of numbers; found {len(rows)} rows.")
    names = [name.strip() for name in rows[0][1]]
    _check_names(names, source)
    for name in columns:
        if name not in names[1:]:
            raise unknown_name("column", name, names[1:])
    chosen = [names.index(name) for name in columns] or list(range(1, len(names)))
    dates, values = [], np.empty((len(rows) - 1, len(chosen)))
    for place, (line, row) in enumerate(rows[1:]):
        if len(row) != len(names):
            raise DataError(f"{source}:{line}: expected {len(names)} fields, as in the first row; found {len(row)}.")
        dates.append(_date(row[0], f"{source}:{line}"))
        values[place] = [_number(row[index], names[index], f"{source}:{line}", gaps) for index in chosen]
    width = _width(dates, [line for line, _ in rows[1:]], source)
    return Series(tuple(names[index] for index in chosen), dates, values, width, source)


def _check_names(names: Sequence[str], source: str) -> None:
    if len(names) < 2:
        raise DataError(f"{source}:1: expected a date and at least one column of numbers; found {len(names)} column.")
    if len(set(names)) < len(names) or not all(names):
        raise DataError(f"{source}:1: expected columns of different names; found {','.join(names)!r}.")
    if all(_is_number(name) for name in names[1:]):
        raise DataError(f"{source}:1: expected the names of the columns; found numbers. Put a row of names first.")


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _number(field: str, column: str, place: str, gaps: bool) -> float:
    if not field.strip():
        if gaps:
            return math.nan
        raise DataError(
            f"{place}: expected a number in column '{column}'; found nothing. Missing values are read with --gaps=mask."
        )
    value = float(field) if _is_number(field) else math.nan
    if not math.isfinite(value):
        raise DataError(f"{place}: expected a finite number in column '{column}'; found {field[:SHOWN_WIDTH]!r}.")
    return value


def _date(field: str, place: str) -> datetime:
    field = field.strip()
    try:
        date = datetime.fromisoformat(f"{field}-01" if re.fullmatch(r"\d{4}-\d{2}", field) else field)
    except ValueError:
        raise DataError(
            f"{place}: expected a date such as 1949-01, 2016-07-01 or 2016-07-01 13:00:00; found "
            f"{field[:SHOWN_WIDTH]!r}."
        ) from None
    if date.tzinfo is not None:
        raise DataError(f"{place}: expected a date without an offset from UTC; found {field!r}. Write all in UTC.")
    return date


def _width(dates: Sequence[datetime], lines: Sequence[int], source: str) -> Width:
    """The width of all steps, which is that of most of them."""
    seconds = np.array([(after - before).total_seconds() for before, after in pairwise(dates)])
    for line, before, step in zip(lines[1:], dates, seconds, strict=False):
        if step <= 0:
            found = "the same date again" if step == 0 else "an earlier one"
            raise DataError(f"{source}:{line}: expected a date after {before}; found {found}.")
    months = np.array([12 * date.year + date.month for date in dates])
    same_day = len({(date.day, date.time()) for date in dates}) == 1
    # Days of the same number are months apart, though few of them may be as many seconds apart: July to September.
    if same_day and np.diff(months).min() > 0:
        steps, unit = np.diff(months).astype(float), "months"
    else:
        steps, unit = seconds, "seconds"
    kinds, counts = np.unique(steps, return_counts=True)
    usual = float(kinds[counts.argmax()])
    width = Width(int(usual), 0.0) if unit == "months" else Width(0, usual)
    wrong = np.flatnonzero(steps != usual)
    if wrong.size:
        first = int(wrong[0])
        raise DataError(
            f"{source}:{lines[first + 1]}: expected {width} after {dates[first]}, the row before; found "
            f"{dates[first + 1]}. Add the missing dates (with empty fields and --gaps=mask), or resample."
        )
    return width


def check_length(series: Series, needed: int, why: str) -> None:
    """Refuses a series of fewer than ``needed`` rows.

    Raises:
        SeqlabError: the series is too short; ``why`` says what needs the rows.
    """
    if len(series.values) < needed:
        raise SeqlabError(f"{series.source}: expected at least {needed} rows, {why}; found {len(series.values)}.")
