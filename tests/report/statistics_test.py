import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.report.statistics import spread

samples = st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=9)


@given(samples, st.floats(-10, 10), st.floats(0.125, 8))
@settings(max_examples=40)
def test_it_moves_and_scales_with_the_sample(values, offset, scale):
    one, other = spread(values), spread([scale * value + offset for value in values])
    assert other.mean == pytest.approx(scale * one.mean + offset, rel=1e-6, abs=1e-6)
    assert other.sd == pytest.approx(scale * one.sd, rel=1e-6, abs=1e-6)
    assert (other.low, other.high) == pytest.approx(
        (scale * one.low + offset, scale * one.high + offset), rel=1e-6, abs=1e-6
    )


@given(samples)
@settings(max_examples=20)
def test_mean_and_deviation_are_those_of_the_standard_library(values):
    found = spread(values)
    assert (found.n, found.mean) == (len(values), pytest.approx(statistics.fmean(values), abs=1e-9))
    assert found.sd == pytest.approx(statistics.stdev(values), abs=1e-9)
    assert found.low <= found.mean <= found.high


def test_the_interval_is_that_of_student_s_table():
    # t_{0.975} with 4 degrees of freedom is 2.776 in every printed table.
    found = spread([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.7764 * math.sqrt(2.5) / math.sqrt(5)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-4)


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [spread(rng.normal(2.0, 3.0, 5).tolist()) for _ in range(1000)]
    held = [one.low <= 2.0 <= one.high for one in found]
    # The standard error of a share of 0.95 in 1000 is 0.007.
    assert np.mean(held) == pytest.approx(0.95, abs=4 * 0.007)


def test_one_value_has_a_mean_and_no_spread():
    found = spread([2.5])
    assert (found.n, found.mean) == (1, 2.5)
    assert math.isnan(found.sd + found.low + found.high)


def test_no_values_are_refused():
    with pytest.raises(SeqlabError, match="at least one value"):
        spread([])
