import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.loaders.dated_csv import parse_dated_csv
from seqlab.data.series import Scaling, load_series
from seqlab.data.series_windows import WindowBatches, series_windows, with_gaps
from seqlab.data.synthetic.seasonal import seasonal_series


def write(path, values):
    rows = [f"2020-01-{day + 1:02},{value}" for day, value in enumerate(values)]
    path.write_text("date,a\n" + "\n".join(rows) + "\n")
    return path


def test_parts_follow_each_other_and_scaling_knows_the_first_alone(tmp_path):
    path = write(tmp_path / "x.csv", [*range(10), *[100] * 10])
    series = load_series(f"csv:{path}", data_dir=tmp_path, fractions=(0.5, 0.25, 0.25))
    assert [len(part.values) for part in series.parts] == [10, 5, 5]
    scaling = Scaling.of(series.train)
    assert scaling.mean.tolist() == [4.5]
    values = np.array([[0.0], [7.5]])
    np.testing.assert_allclose(scaling.unscale(scaling.scale(values)), values)
    scaling.save(tmp_path / "scaling.json")
    loaded = Scaling.load(tmp_path / "scaling.json")
    assert (loaded.columns, loaded.width) == (("a",), series.train.width)
    assert loaded.deviation == scaling.deviation


def test_a_constant_column_is_refused(tmp_path):
    path = write(tmp_path / "x.csv", [3] * 18 + [1, 2])
    series = load_series(f"csv:{path}", data_dir=tmp_path)
    with pytest.raises(DataError, match=r"x\.csv: expected numbers that vary in column 'a' .*found 3\.0 in every row"):
        Scaling.of(series.train)


def test_windows_forecast_every_row_of_their_part_and_none_of_another():
    rows = np.arange(30.0)[:, None]
    batches = WindowBatches(rows, rows, 20, 27, lookback=5, horizon=2, batch_size=4, training=False)
    found = [batches.batch(step) for step in range(batches.batches_per_epoch)]
    exists = np.concatenate([batch.lengths for batch in found]) > 0
    targets = np.concatenate([batch.targets for batch in found])[exists, :, 0]
    inputs = np.concatenate([batch.inputs for batch in found])[exists, :, 0]
    assert targets.tolist() == [[start, start + 1] for start in range(20, 26)]
    np.testing.assert_array_equal(inputs, targets[:, :1] + np.arange(-5, 0))


def test_training_windows_come_once_an_epoch_in_an_order_of_seed_and_epoch():
    rows = np.arange(23.0)[:, None]

    def order(seed, epoch):
        batches = WindowBatches(rows, rows, 0, 23, lookback=3, horizon=1, batch_size=5, seed=seed)
        steps = range(epoch * batches.batches_per_epoch, (epoch + 1) * batches.batches_per_epoch)
        return np.concatenate([batches.batch(step).rows for step in steps]).tolist()

    assert sorted(order(0, 0)) == list(range(3, 23))
    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_gaps_are_told_from_values_and_never_filled_from_the_future():
    values = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [3.0, 4.0]])
    last, seen, since = np.split(with_gaps(values), 3, axis=1)
    np.testing.assert_array_equal(seen, np.isfinite(values))
    assert last.tolist() == [[0, 1], [2, 1], [2, 1], [3, 4]]
    assert since.tolist() == [[1, 0], [0, 1], [1, 2], [0, 0]]
    for cut in range(1, 4):
        np.testing.assert_array_equal(with_gaps(values[:cut]), with_gaps(values)[:cut])


def test_a_part_that_is_too_short_is_said(tmp_path):
    path = write(tmp_path / "x.csv", range(20))
    series = load_series(f"csv:{path}", data_dir=tmp_path, fractions=(0.6, 0.2, 0.2))
    sizes = {"batch_size": 2, "eval_batch_size": 2, "seed": 0, "gaps": "refuse"}
    with pytest.raises(SeqlabError, match=r"at least 13 rows, --lookback=10 and --horizon=3.* found 12"):
        series_windows(series, Scaling.of(series.train), lookback=10, horizon=3, **sizes)
    with pytest.raises(SeqlabError, match=r"at least 5 rows, --horizon=5, in the validation part; found 4"):
        series_windows(series, Scaling.of(series.train), lookback=2, horizon=5, **sizes)


def test_wrong_names_are_refused(tmp_path):
    for dataset, message in (("etth2", r"unknown dataset .etth2.; did you mean .etth1."), ("text:a", "Known: csv")):
        with pytest.raises(SeqlabError, match=message):
            load_series(dataset, data_dir=tmp_path)
    with pytest.raises(SeqlabError, match="unknown column 'wind'"):
        load_series("builtin", data_dir=tmp_path, columns=["wind"])


def test_the_generated_series_repeats_itself_and_has_days():
    first, again = seasonal_series(), seasonal_series()
    np.testing.assert_array_equal(first.values, again.values)
    load = first.values[:, 0]
    day, half_day = (np.corrcoef(load[hours:], load[:-hours])[0, 1] for hours in (24, 12))
    assert day > 0.5 > 0 > half_day - 0.2
    assert parse_dated_csv("date,a\n2020-01-06,1\n2020-01-06 01:00,2\n", "x").width == first.width


@pytest.mark.slow
def test_the_registered_series_have_their_splits(data_folder):
    etth1 = load_series("etth1", data_dir=data_folder / "ett_h1")
    assert [str(part.dates[0])[:10] for part in etth1.parts] == ["2016-07-01", "2017-06-26", "2017-10-24"]
    assert [part.values.shape for part in etth1.parts] == [(8640, 7), (2880, 7), (2880, 7)]
    sunspots = load_series("sunspots", data_dir=data_folder / "univariate_series")
    test = sunspots.test.values[:, 0]
    before = np.concatenate([sunspots.validation.values[-1:, 0], test[:-1]])
    assert np.sqrt(np.mean((test - before) ** 2)) == pytest.approx(20.09, abs=0.01)
