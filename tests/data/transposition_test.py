import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch, RaggedBatches
from seqlab.data.buckets import BucketedBatches
from seqlab.data.transposition import TransposedBatches


def batches_of(semitones, seed=0, width=88):
    rng = np.random.default_rng(1)
    targets = [(rng.random((length, width)) < 0.1).astype(np.uint8) for length in (3, 5, 4)]
    targets[0][:, [0, width - 1]] = 1  # No room to move.
    targets[1][:, :30] = targets[1][:, 50:] = 0
    inputs = [np.pad(roll[:-1], ((1, 0), (0, 2))) for roll in targets]
    for read in inputs:
        read[0, -1] = 1
    rows = Batch(inputs, targets, lengths=np.array([3, 5, 4]))
    inner = BucketedBatches(rows, 3, (5,), training=False)
    return inner, TransposedBatches(inner, semitones, seed)


def distances(plain, moved):
    shifts = []
    for before, after in zip(plain.targets, moved.targets, strict=True):
        fits = [by for by in range(-12, 13) if (np.roll(before, by, axis=-1) == after).all()]
        shifts.append(fits[0])
    return shifts


def test_each_row_is_moved_as_a_whole_inputs_and_targets_alike():
    inner, transposed = batches_of(6)
    seen = set()
    for step in range(100):
        plain, moved = inner.batch(step), transposed.batch(step)
        for row, by in enumerate(distances(plain, moved)):
            assert abs(by) <= 6
            np.testing.assert_array_equal(moved.inputs[row, :, :88], np.roll(plain.inputs[row, :, :88], by, axis=-1))
            seen.add((int(plain.rows[row]), by))
        np.testing.assert_array_equal(moved.inputs[..., 88:], plain.inputs[..., 88:])
        assert moved.targets.sum() == plain.targets.sum()
    assert {by for row, by in seen if row == 0} == {0}
    assert {by for row, by in seen if row == 1} == set(range(-6, 7))


def test_a_batch_is_a_function_of_seed_and_step_and_the_rows_stay_as_they_were():
    inner, transposed = batches_of(6)
    before = inner.batch(0)
    first, again, later = (transposed.batch(step).targets for step in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != later).any()
    assert (first != batches_of(6, seed=1)[1].batch(4).targets).any()
    np.testing.assert_array_equal(inner.batch(0).targets, before.targets)


def test_no_distance_changes_nothing_and_it_is_batches_like_those_within():
    inner, transposed = batches_of(0)
    np.testing.assert_array_equal(inner.batch(2).targets, transposed.batch(2).targets)
    assert isinstance(transposed, RaggedBatches)
    assert (transposed.num_shapes, transposed.padding_share) == (inner.num_shapes, inner.padding_share)
    with pytest.raises(SeqlabError, match="at least 0; got -1"):
        batches_of(-1)
