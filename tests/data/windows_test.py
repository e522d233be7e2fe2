from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.data.windows import StreamWindows

BOUNDARY_ID = 7
sizes = {"batch_size": st.integers(1, 5), "window_size": st.integers(1, 6)}


def stream(num_ids, batch_size, window_size, training, seed=0):
    """Windows over ids that are all different, so that an id tells its position."""
    ids = np.arange(100, 100 + num_ids, dtype=np.int32)
    windows = StreamWindows(ids, batch_size, window_size, seed=seed, boundary_id=BOUNDARY_ID, training=training)
    return ids, windows


def epoch(windows, number=0):
    first = number * windows.batches_per_epoch
    return [windows.batch(step) for step in range(first, first + windows.batches_per_epoch)]


def valid_steps(batch, row):
    return batch.inputs.shape[1] if batch.lengths is None else batch.lengths[row]


@given(num_ids=st.integers(1, 80), **sizes)
def test_evaluation_makes_every_token_a_target_exactly_once(num_ids, batch_size, window_size):
    ids, windows = stream(num_ids, batch_size, window_size, training=False)
    found = {}
    for batch in epoch(windows):
        for row, position in enumerate(batch.rows):
            for step in range(batch.lengths[row]):
                assert position + step not in found
                found[int(position) + step] = batch.targets[row, step]
    assert [found[position] for position in sorted(found)] == ids.tolist()


@given(num_ids=st.integers(1, 80), **sizes)
def test_evaluation_pads_with_zeros_behind_lengths_and_never_a_whole_batch(num_ids, batch_size, window_size):
    _, windows = stream(num_ids, batch_size, window_size, training=False)
    for batch in epoch(windows):
        assert batch.lengths.max() >= 1
        padding = np.arange(window_size) >= batch.lengths[:, None]
        assert not batch.inputs[padding].any()
        assert not batch.targets[padding].any()
        assert batch.inputs[~padding].all()
        assert batch.targets[~padding].all()


@given(extra=st.integers(0, 60), training=st.booleans(), number=st.integers(0, 3), **sizes)
def test_each_input_is_the_token_before_its_target(extra, training, number, batch_size, window_size):
    num_ids = batch_size * window_size + window_size - 1 + extra
    ids, windows = stream(num_ids, batch_size, window_size, training)
    before = np.concatenate([[BOUNDARY_ID], ids])
    for batch in epoch(windows, number):
        for row, position in enumerate(batch.rows):
            length = valid_steps(batch, row)
            assert batch.targets[row, :length].tolist() == ids[position : position + length].tolist()
            assert batch.inputs[row, :length].tolist() == before[position : position + length].tolist()


@given(extra=st.integers(0, 60), training=st.booleans(), number=st.integers(0, 3), **sizes)
def test_a_window_goes_on_where_the_one_before_it_ended(extra, training, number, batch_size, window_size):
    num_ids = batch_size * window_size + window_size - 1 + extra
    _, windows = stream(num_ids, batch_size, window_size, training)
    batches = epoch(windows, number)
    assert batches[0].starts.all()
    for earlier, later in pairwise(batches):
        assert not later.starts.any()
        assert (later.rows == earlier.rows + window_size).all()
        going_on = [row for row in range(len(later.rows)) if valid_steps(later, row)]
        assert (later.inputs[going_on, 0] == earlier.targets[going_on, -1]).all()


@given(extra=st.integers(0, 60), training=st.booleans(), seed=st.integers(0, 2**40), step=st.integers(0, 500), **sizes)
def test_a_batch_depends_on_seed_and_step_alone(extra, training, seed, step, batch_size, window_size):
    num_ids = batch_size * window_size + window_size - 1 + extra
    _, windows = stream(num_ids, batch_size, window_size, training, seed)
    windows.batch(step + 1)
    _, others = stream(num_ids, batch_size, window_size, training, seed)
    for ours, theirs in zip(windows.batch(step), others.batch(step), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        if ours is not None:
            assert ours.dtype in (np.int32, np.bool_)
            assert ours.shape[0] == windows.batch_size


@given(extra=st.integers(0, 60), number=st.integers(0, 3), seed=st.integers(0, 5), **sizes)
def test_an_epoch_of_training_is_full_windows_without_a_target_twice(extra, number, seed, batch_size, window_size):
    num_ids = batch_size * window_size + window_size - 1 + extra
    _, windows = stream(num_ids, batch_size, window_size, training=True, seed=seed)
    batches = epoch(windows, number)
    assert all(batch.lengths is None and batch.targets.shape == (batch_size, window_size) for batch in batches)
    targets = np.concatenate([batch.targets.ravel() for batch in batches])
    assert len(np.unique(targets)) == len(targets)
    # What is passed over: the offset's T - 1 tokens, and fewer than T + 1 a stream.
    assert num_ids - len(targets) <= (window_size - 1) + batch_size * window_size


def test_the_epochs_of_training_cut_the_text_at_different_places_and_reach_all_of_it():
    ids, windows = stream(1000, 4, 16, training=True)
    first_rows = {int(epoch(windows, number)[0].rows[0]) for number in range(100)}
    assert first_rows == set(range(16))
    seen = {token for number in range(100) for batch in epoch(windows, number) for token in batch.targets.ravel()}
    assert len(ids) - len(seen) < 16


def test_two_seeds_give_two_orders_of_offsets():
    offsets = []
    for seed in (0, 1):
        _, windows = stream(1000, 4, 16, training=True, seed=seed)
        offsets.append([int(epoch(windows, number)[0].rows[0]) for number in range(20)])
    assert offsets[0] != offsets[1]


def test_a_short_text_is_evaluated_in_fewer_streams():
    _, windows = stream(10, 64, 4, training=False)
    assert windows.batch_size == 2
    assert windows.batches_per_epoch == 2
    assert windows.batch(0).inputs.shape == (2, 4)


def test_a_training_text_shorter_than_one_window_a_stream_is_refused():
    stream(4 * 8 + 7, 4, 8, training=True)
    with pytest.raises(SeqlabError, match=r"has 38 tokens, expected at least .* = 39; lower --batch_size"):
        stream(4 * 8 + 6, 4, 8, training=True)


@pytest.mark.parametrize(
    ("ids", "changes"),
    [
        (np.zeros([0], np.int32), {}),
        (np.zeros([4, 4], np.int32), {}),
        (np.zeros([40]), {}),
        (np.full([40], -1), {}),
        (np.zeros([40], np.int32), {"batch_size": 0}),
        (np.zeros([40], np.int32), {"window_size": 0}),
        (np.zeros([40], np.int32), {"seed": -1}),
    ],
)
def test_ids_and_sizes_that_make_no_windows_are_refused(ids, changes):
    arguments = {"batch_size": 2, "window_size": 3, "seed": 0, "boundary_id": 1, "training": False} | changes
    with pytest.raises(SeqlabError):
        StreamWindows(ids, **arguments)


def test_a_step_below_zero_is_refused():
    with pytest.raises(SeqlabError, match="at least 0"):
        stream(40, 2, 3, training=True)[1].batch(-1)
