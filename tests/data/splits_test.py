import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.data.splits import split_by_position


@given(num_rows=st.integers(20, 2000), tenths=st.tuples(st.integers(1, 8), st.integers(1, 8)))
def test_the_parts_follow_each_other_and_have_their_shares(num_rows, tenths):
    first, second = min(tenths[0], 8), min(tenths[1], 9 - min(tenths[0], 8))
    fractions = (first / 10, second / 10, (10 - first - second) / 10)
    rows = list(range(num_rows))
    train, validation, test = split_by_position(rows, fractions)
    assert train + validation + test == rows
    assert len(train) == num_rows * first // 10
    assert len(train) + len(validation) == num_rows * (first + second) // 10


@pytest.mark.parametrize(
    "fractions", [(0.9, 0.1, 0.0), (0.5, 0.5), (0.9, 0.05, 0.04), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)]
)
def test_fractions_that_are_no_three_shares_of_one_are_refused(fractions):
    with pytest.raises(SeqlabError, match="three numbers above 0 that sum to 1"):
        split_by_position("a" * 100, fractions)


def test_a_part_without_rows_is_refused():
    with pytest.raises(SeqlabError, match="9 rows or characters are too few"):
        split_by_position("a" * 9, (0.9, 0.05, 0.05))
