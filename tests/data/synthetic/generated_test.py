"""What holds for every generator and for the splits that are made of one."""

from functools import partial

import jax
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.synthetic.adding import adding_batch
from seqlab.data.synthetic.agreement import agreement_batch, vocabulary
from seqlab.data.synthetic.copy_memory import copy_memory_batch
from seqlab.data.synthetic.generated import GeneratedBatches, generated_splits
from seqlab.data.synthetic.temporal_order import temporal_order_batch

MAKERS = {
    "adding": partial(adding_batch, num_steps=12),
    "agreement": partial(agreement_batch, longest=12, words=vocabulary()),
    "copy_memory": partial(copy_memory_batch, num_blanks=12),
    "temporal_order": partial(temporal_order_batch, num_steps=12),
}


def splits_of(name, seed=0):
    return generated_splits(MAKERS[name], batch_size=5, eval_batch_size=300, seed=seed)


def same(first: Batch, second: Batch) -> bool:
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, first, second)))


@pytest.mark.parametrize("name", MAKERS)
def test_a_batch_is_a_function_of_seed_and_step_and_has_the_same_shapes_at_every_step(name):
    train, again = splits_of(name).train, splits_of(name).train
    later = train.batch(107)
    assert same(later, again.batch(107))
    assert not same(later, train.batch(7))
    assert not same(later, splits_of(name, seed=1).train.batch(107))
    assert jax.tree.map(np.shape, later) == jax.tree.map(np.shape, train.batch(0))


@pytest.mark.parametrize("name", MAKERS)
def test_held_out_rows_are_the_same_in_every_epoch_and_for_every_seed(name):
    for split in ("validation", "test"):
        batches, others = getattr(splits_of(name), split), getattr(splits_of(name, seed=1), split)
        assert same(batches.batch(1), batches.batch(1 + 3 * batches.batches_per_epoch))
        assert same(batches.batch(1), others.batch(1))
        assert not same(batches.batch(0), batches.batch(1))


@pytest.mark.parametrize("name", MAKERS)
def test_the_three_splits_draw_rows_of_their_own(name):
    splits = generated_splits(MAKERS[name], batch_size=50, eval_batch_size=50, seed=0)
    first = [batches.batch(0) for batches in splits]
    assert not same(first[0], first[1])
    assert not same(first[1], first[2])
    assert not same(first[0], first[2])


def test_the_held_out_splits_have_at_least_the_rows_that_they_promise():
    splits = splits_of("adding")
    assert splits.validation.batches_per_epoch * 300 == 1200
    assert splits.test.batches_per_epoch * 300 == 4200


@pytest.mark.parametrize(
    ("changes", "say"),
    [
        ({"batch_size": 0}, "batch_size and batches_per_epoch must be at least 1"),
        ({"batches_per_epoch": 0}, "batch_size and batches_per_epoch must be at least 1"),
        ({"stream": (0, -1)}, "seed must be at least 0; got -1"),
    ],
)
def test_wrong_sizes_and_seeds_are_refused(changes, say):
    options = {"batch_size": 1, "batches_per_epoch": 1, "stream": (0,), "repeats": False, **changes}
    with pytest.raises(SeqlabError, match=say):
        GeneratedBatches(MAKERS["adding"], **options)


def test_a_step_below_0_is_refused():
    with pytest.raises(SeqlabError, match="step must be at least 0; got -1"):
        splits_of("adding").train.batch(-1)


@pytest.mark.parametrize(
    ("make", "say"),
    [
        (lambda rng: adding_batch(rng, 1, 1), "at least 2 steps"),
        (lambda rng: agreement_batch(rng, 1, 0, vocabulary()), "longest distance must be at least 1; got 0"),
        (lambda rng: copy_memory_batch(rng, 1, 0), "at least 1 step"),
        (lambda rng: temporal_order_batch(rng, 1, 9), "at least 10 steps; got 9"),
    ],
)
def test_sequences_that_are_too_short_are_refused(make, say):
    with pytest.raises(SeqlabError, match=say):
        make(np.random.default_rng(0))
