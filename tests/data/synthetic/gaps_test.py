import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.series import load_series
from seqlab.data.synthetic.gaps import LONGEST_BLOCK, SHORTEST_BLOCK, with_losses
from seqlab.data.synthetic.seasonal import seasonal_series

WHOLE = seasonal_series()


def test_the_shares_that_were_asked_for_are_lost_and_the_rest_is_left():
    for single, block in ((0.3, 0.0), (0.0, 0.3), (0.2, 0.4)):
        draws = [with_losses(WHOLE, single, block, seed).values for seed in range(20)]
        for values in draws:
            np.testing.assert_array_equal(values, np.where(np.isnan(values), np.nan, WHOLE.values))
        assert np.isnan(draws).mean() == pytest.approx(1 - (1 - single) * (1 - block), abs=0.02)


def test_what_is_lost_in_blocks_is_lost_for_as_long_as_is_said():
    draws = [np.isnan(with_losses(WHOLE, 0.0, 0.01, seed).values) for seed in range(20)]
    columns = [np.flatnonzero(np.diff(column.astype(int), prepend=0, append=0)) for lost in draws for column in lost.T]
    runs = np.concatenate([borders[1::2] - borders[::2] for borders in columns])
    # Two blocks may touch, and the last row may cut one; few do.
    assert np.isin(runs, range(SHORTEST_BLOCK, LONGEST_BLOCK + 1)).mean() > 0.95
    assert np.median(runs) == pytest.approx((SHORTEST_BLOCK + LONGEST_BLOCK) / 2, abs=4)


def test_losses_are_the_same_for_the_same_seed_and_each_columns_own():
    lost = np.isnan(with_losses(WHOLE).values)
    np.testing.assert_array_equal(lost, np.isnan(with_losses(WHOLE).values))
    assert (lost != np.isnan(with_losses(WHOLE, seed=1).values)).any()
    assert (lost[:, 0] != lost[:, 1]).mean() > 0.3


def test_a_registered_series_with_gaps_is_refused_where_none_are_taken(tmp_path):
    with pytest.raises(DataError, match=r"with gaps: expected a value in every row; 52% are missing.*--gaps=mask"):
        load_series("seasonal_gaps", data_dir=tmp_path)
    series = load_series("seasonal_gaps", data_dir=tmp_path, gaps=True)
    np.testing.assert_array_equal(
        np.concatenate([part.values for part in series.parts]), with_losses(seasonal_series()).values
    )
    assert np.isfinite(load_series("seasonal", data_dir=tmp_path).test.values).all()


def test_a_share_outside_of_zero_to_one_is_refused():
    with pytest.raises(SeqlabError, match=r"must lie in \[0, 1\); got 1.0 and 0.3"):
        with_losses(WHOLE, 1.0)
