import math

from hypothesis import given
from hypothesis import strategies as st

from seqlab.train import Best

VALUES = st.lists(st.sampled_from([3.0, 2.0, 1.0, 0.5, math.nan, math.inf]), max_size=8)


@given(VALUES)
def test_the_best_is_the_first_of_the_smallest_values_and_never_a_nan(values):
    best = Best()
    for step, value in enumerate(values):
        best = best.update(value, step)
    numbers = [value for value in values if value < math.inf]
    last = len(values) - 1
    if numbers:
        assert best == Best(min(numbers), values.index(min(numbers)), last - values.index(min(numbers)), last)
    else:
        assert best == Best(math.inf, -1, len(values), last)


@given(VALUES, st.integers(1, 4))
def test_patience_ends_when_so_many_evaluations_in_a_row_were_not_better(values, patience):
    best, in_a_row = Best(), 0
    for step, value in enumerate(values):
        in_a_row = 0 if value < best.value else in_a_row + 1
        best = best.update(value, step)
        assert best.should_stop(patience) == (in_a_row >= patience)


def test_a_patience_of_zero_never_stops():
    assert not Best(1.0, 0, evaluations_since=10**6).should_stop(0)
