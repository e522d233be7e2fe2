import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch, RaggedBatches
from seqlab.data.buckets import BucketedBatches, bucket_lengths, bucketed_splits

lengths_of_rows = st.lists(st.integers(1, 30), min_size=1, max_size=60)


def rows_of(lengths):
    """Row i holds i + 1 at each of its steps; its target is i."""
    inputs = [np.full(length, number + 1, np.int32) for number, length in enumerate(lengths)]
    letters = [np.full((length, 3), number + 1, np.int16) for number, length in enumerate(lengths)]
    targets = np.arange(len(lengths), dtype=np.int32)
    return Batch({"words": inputs, "letters": letters}, targets, lengths=np.array(lengths))


def batches_of(lengths, batch_size, **options):
    return BucketedBatches(rows_of(lengths), batch_size, bucket_lengths(lengths), **options)


def epoch(batches, number):
    first = number * batches.batches_per_epoch
    return [batches.batch(first + index) for index in range(batches.batches_per_epoch)]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first[1:], second[1:], strict=True) if a is not None)


@given(lengths_of_rows, st.integers(1, 12), st.booleans(), st.integers(0, 3))
def test_every_row_comes_once_an_epoch_and_as_it_is(lengths, batch_size, training, seed):
    batches = batches_of(lengths, batch_size, training=training, seed=seed)
    for number in (0, 2):
        seen = []
        for batch in epoch(batches, number):
            assert len(batch.rows) == batches.batch_size == min(batch_size, len(lengths))
            for place, row in enumerate(batch.rows.tolist()):
                words, letters = batch.inputs["words"][place], batch.inputs["letters"][place]
                own = lengths[row] if row >= 0 else 0
                assert batch.lengths[place] == own
                assert words.tolist() == [row + 1] * own + [0] * (len(words) - own)
                assert (letters == words[:, None]).all()
                assert batch.targets[place] == max(row, 0)
            seen += batch.rows.tolist()
        assert sorted(seen)[-len(lengths) :] == list(range(len(lengths)))
        assert set(sorted(seen)[: -len(lengths)]) <= {-1}
        assert len(seen) - len(lengths) < batches.batch_size


@given(lengths_of_rows, st.integers(1, 12), st.booleans())
def test_shapes_are_few_and_padding_is_what_it_is_said_to_be(lengths, batch_size, training):
    batches = batches_of(lengths, batch_size, training=training)
    assert isinstance(batches, RaggedBatches)
    for number in (0, 1):
        widths = [batch.inputs["words"].shape[1] for batch in epoch(batches, number)]
        assert len(set(widths)) == batches.num_shapes <= 6
        steps = sum(widths) * batches.batch_size
        assert batches.padding_share == pytest.approx(1 - sum(lengths) / steps)


def test_a_batch_of_training_is_a_function_of_seed_and_step():
    lengths = [1 + number % 20 for number in range(50)]
    first, again, other = (batches_of(lengths, 8, seed=seed) for seed in (1, 1, 2))
    late = first.batch(40)
    assert same(late, again.batch(40))
    assert not all(same(a, b) for a, b in zip(epoch(first, 0), epoch(first, 1), strict=True))
    assert not all(same(a, b) for a, b in zip(epoch(first, 0), epoch(other, 0), strict=True))


def test_evaluation_reads_the_same_batches_in_every_epoch_by_length():
    batches = batches_of([5, 1, 9, 1, 7], 2, training=False)
    assert [batch.rows.tolist() for batch in epoch(batches, 0)] == [[-1, 1], [3, 0], [4, 2]]
    assert all(same(a, b) for a, b in zip(epoch(batches, 0), epoch(batches, 3), strict=True))


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(1, 4))
def test_the_buckets_are_the_best_of_all(lengths, max_buckets):
    def cost(buckets):
        return sum(min(bucket for bucket in buckets if bucket >= length) for length in lengths)

    found = bucket_lengths(lengths, max_buckets, enough=0.0)
    assert list(found) == sorted(set(found))
    assert found[-1] == max(lengths)
    assert len(found) <= max_buckets
    below = sorted(set(lengths) - {max(lengths)})
    sizes = range(min(max_buckets - 1, len(below)) + 1)
    assert cost(found) == min(
        cost((*inner, max(lengths))) for size in sizes for inner in itertools.combinations(below, size)
    )


@given(lengths_of_rows)
def test_there_are_no_more_buckets_than_enough_for_little_padding(lengths):
    def share(buckets):
        return 1 - sum(lengths) / sum(min(bucket for bucket in buckets if bucket >= length) for length in lengths)

    found = bucket_lengths(lengths, enough=0.2)
    assert len(found) in (1, 6) or share(bucket_lengths(lengths, len(found) - 1, enough=0.0)) > 0.2
    assert len(found) == 6 or share(found) <= 0.2 + 1e-9


def test_thousands_of_lengths_are_fitted_nearly_as_well():
    lengths = np.random.default_rng(0).geometric(0.001, 4000)
    buckets = np.array(bucket_lengths(lengths))
    assert len(buckets) == 6
    assert buckets[-1] == lengths.max()
    assert 1 - lengths.sum() / buckets[np.searchsorted(buckets, lengths)].sum() < 0.3


def test_text_like_lengths_are_padded_by_less_than_15_percent():
    rng = np.random.default_rng(0)
    train, validation, test = (
        rows_of(np.clip(rng.normal(19, 9, size), 2, 45).astype(int)) for size in (4000, 900, 900)
    )
    splits = bucketed_splits(train, validation, test, batch_size=32, eval_batch_size=32, seed=0)
    assert isinstance(splits.train, RaggedBatches)
    assert splits.train.padding_share < 0.15
    widths = {batch.inputs["words"].shape[1] for split in splits for batch in epoch(split, 0)}
    assert len(widths) <= 6


@pytest.mark.parametrize(
    ("make", "say"),
    [
        (lambda: batches_of([1, 2], 0), "batch_size must be at least 1"),
        (lambda: batches_of([1, 2], 1, seed=-1), "seed at least 0"),
        (lambda: BucketedBatches(rows_of([1, 9]), 1, (3, 8)), r"must lie in \[1, 8\], the last bucket; got 1 to 9"),
        (lambda: BucketedBatches(rows_of([0, 3]), 1, (3,)), "got 0 to 3"),
        (lambda: BucketedBatches(rows_of([]), 1, (3,)), "got no rows"),
        (lambda: bucket_lengths([]), "got no rows"),
        (lambda: bucket_lengths([0, 1]), "at least one step"),
        (lambda: batches_of([1, 2], 1).batch(-1), "step must be at least 0; got -1"),
    ],
)
def test_what_fits_no_bucket_is_refused(make, say):
    with pytest.raises(SeqlabError, match=say):
        make()


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=40), st.integers(1, 12))
def test_pairs_of_two_lengths_are_both_whole_and_padded_alike(pairs, batch_size):
    lengths, target_lengths = np.array(pairs).T
    inputs, targets = ([np.full(length, 7, np.int32) for length in side] for side in (lengths, target_lengths))
    rows = Batch(inputs, targets, lengths=lengths, target_lengths=target_lengths)
    batches = BucketedBatches(rows, batch_size, bucket_lengths(np.maximum(lengths, target_lengths)))
    seen = epoch(batches, 0)
    for batch in seen:
        assert batch.inputs.shape == batch.targets.shape
        np.testing.assert_array_equal((batch.inputs == 7).sum(axis=1), batch.lengths)
        np.testing.assert_array_equal((batch.targets == 7).sum(axis=1), batch.target_lengths)
    assert sum(batch.lengths.sum() for batch in seen) == lengths.sum()
    real = sum((batch.inputs == 7).sum() + (batch.targets == 7).sum() for batch in seen)
    assert batches.padding_share == pytest.approx(1 - real / sum(2 * batch.inputs.size for batch in seen))
