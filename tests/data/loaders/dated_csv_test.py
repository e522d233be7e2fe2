from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.loaders.dated_csv import Width, check_length, parse_dated_csv, read_dated_csv

HEAD = "date,a,b\n"
GOOD = HEAD + "2020-01-01,1,2\n2020-01-02,3,4\n2020-01-03,5,6\n2020-01-04,7,8\n"


def test_columns_are_read_in_the_order_in_which_they_are_asked_for():
    series = parse_dated_csv(GOOD, "x.csv", ["b", "a"])
    assert series.columns == ("b", "a")
    assert series.values.tolist() == [[2, 1], [4, 3], [6, 5], [8, 7]]
    assert series.width == Width(0, 86400.0)
    assert parse_dated_csv(GOOD, "x.csv").values[:, 0].tolist() == [1, 3, 5, 7]


def test_a_column_that_is_not_asked_for_may_hold_text():
    text = GOOD.replace(",2\n", ",good\n")
    assert parse_dated_csv(text, "x.csv", ["a"]).values.shape == (4, 1)


def test_windows_line_ends_quotes_a_mark_and_no_final_newline_are_read(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b'\xef\xbb\xbf"Month","Sun"\r\n"1749-01",58.0\r\n"1749-02",62.6\r\n"1749-03",70')
    series = read_dated_csv(path)
    assert (series.columns, series.width) == (("Sun",), Width(1, 0.0))
    assert series.values[:, 0].tolist() == [58.0, 62.6, 70.0]


@given(st.integers(1, 14), st.integers(0, 40), st.integers(0, 23))
def test_months_go_on_over_the_ends_of_years(months, steps, start):
    width = Width(months, 0.0)
    first = datetime(1999 + start // 12, start % 12 + 1, 5)
    dates = [width.after(first, step) for step in range(steps + 3)]
    counted = [12 * date.year + date.month for date in dates]
    assert np.diff(counted).tolist() == [months] * (steps + 2)
    text = "date,a\n" + "".join(f"{date.isoformat()},1\n" for date in dates)
    series = parse_dated_csv(text, "x.csv")
    assert series.width.after(series.dates[-1]) == width.after(dates[-1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("3,4", "3,four"), r"x\.csv:3: expected a finite number in column 'b'; found 'four'"),
        (GOOD.replace("3,4", "nan,4"), r"x\.csv:3: expected a finite number in column 'a'; found 'nan'"),
        (GOOD.replace("5,6", "5,1e999"), r"x\.csv:4: expected a finite number in column 'b'"),
        (GOOD.replace("5,6", "5,-inf"), r"x\.csv:4: expected a finite number"),
        (GOOD.replace("3,4", ",4"), r"x\.csv:3: expected a number in column 'a'; found nothing. .*--gaps=mask"),
        (GOOD.replace("3,4", "3"), r"x\.csv:3: expected 3 fields, as in the first row; found 2"),
        (GOOD.replace("2020-01-03,5,6\n", ""), r"x\.csv:4: expected 1 day, .* after 2020-01-02.*; found 2020-01-04"),
        (GOOD.replace("01-03", "01-02"), r"x\.csv:4: expected a date after 2020-01-02.*; found the same date again"),
        (GOOD.replace("01-03", "01-01"), r"x\.csv:4: .*found an earlier one"),
        (GOOD.replace("2020-01-03", "3.1.2020"), r"x\.csv:4: expected a date such as .*; found '3\.1\.2020'"),
        (GOOD.replace("2020-01-03", "2020-01-03T00:00+01:00"), r"x\.csv:4: expected a date without an offset"),
        (GOOD.replace("date,a,b", "date,a,a"), r"x\.csv:1: expected columns of different names"),
        (GOOD.removeprefix(HEAD), r"x\.csv:1: expected the names of the columns; found numbers"),
        ("date\n2020\n2021\n", r"x\.csv:1: expected a date and at least one column"),
        (HEAD + "2020-01-01,1,2\n", r"x\.csv: expected a row of names and at least 2 rows of numbers; found 2 rows"),
        (GOOD.replace("3,4", '"3,4'), r"x\.csv:\d: expected comma-separated fields"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_row(text, message):
    with pytest.raises(DataError, match=message):
        parse_dated_csv(text, "x.csv")


def test_an_empty_field_is_a_gap_where_gaps_are_taken_and_text_is_not():
    values = parse_dated_csv(GOOD.replace("3,4", ",4"), "x.csv", gaps=True).values
    assert np.argwhere(np.isnan(values)).tolist() == [[1, 0]]
    with pytest.raises(DataError, match="found 'nan'"):
        parse_dated_csv(GOOD.replace("3,4", "nan,4"), "x.csv", gaps=True)


def test_an_unknown_column_is_said_with_the_known_ones():
    with pytest.raises(SeqlabError, match=r"unknown column .c.\. Known: a, b"):
        parse_dated_csv(GOOD, "x.csv", ["c"])


def test_a_series_that_is_too_short_is_refused():
    with pytest.raises(SeqlabError, match=r"x\.csv: expected at least 5 rows, for me; found 4"):
        check_length(parse_dated_csv(GOOD, "x.csv"), 5, "for me")
