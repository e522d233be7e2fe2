import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.metrics import Mean, accuracy, compute, merge, sum_steps

# Whole numbers, so that float32 sums are exact and equality means equality.
whole_numbers = st.integers(-1000, 1000).map(float)
means = st.builds(Mean, whole_numbers, st.integers(0, 1000).map(float))


def as_floats(mean):
    return float(mean.total), float(mean.weight)


@given(means, means, means)
def test_merging_is_associative_and_commutative_with_empty_as_its_unit(one, two, three):
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(two) == two.merge(one)
    assert as_floats(one.merge(Mean.empty())) == as_floats(Mean.empty().merge(one)) == as_floats(one)


@given(st.lists(st.lists(whole_numbers, min_size=0, max_size=5), min_size=1, max_size=5))
def test_the_mean_of_unequal_batches_is_the_mean_of_all(batches):
    merged = Mean(0.0, 0.0)
    for batch in batches:
        merged = merged.merge(Mean(sum(batch), float(len(batch))))
    every = [value for batch in batches for value in batch]
    assert merged.compute() == pytest.approx(np.mean(every) if every else 0.0)


def test_the_mean_of_nothing_is_zero():
    assert Mean.empty().compute() == 0.0
    assert compute({"loss": Mean.empty()}) == {"loss": 0.0}


def test_metrics_merge_name_by_name():
    one, two = {"a": Mean(1.0, 2.0), "b": Mean(3.0, 1.0)}, {"b": Mean(5.0, 3.0), "a": Mean(0.0, 2.0)}
    assert merge(one, two) == {"a": Mean(1.0, 4.0), "b": Mean(8.0, 4.0)}
    assert compute(merge(one, two)) == {"a": 0.25, "b": 2.0}


@pytest.mark.parametrize(("one", "two"), [({"a"}, {"a", "b"}), ({"a", "b"}, {"a"}), (set(), {"a"})])
def test_metrics_with_other_names_are_no_match(one, two):
    with pytest.raises(ValueError, match="names"):
        merge({name: Mean(1.0, 1.0) for name in one}, {name: Mean(1.0, 1.0) for name in two})


@given(st.lists(means, min_size=1, max_size=6))
def test_summing_stacked_steps_is_merging_them_one_by_one(steps):
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *[{"loss": step} for step in steps])
    merged = {"loss": steps[0]}
    for step in steps[1:]:
        merged = merge(merged, {"loss": step})
    assert sum_steps(stacked) == merged


def test_many_small_steps_are_summed_without_float32_s_rounding():
    # In float32, 2^24 + 1 is 2^24: a running sum would stand still.
    steps = np.array([2**24, 1, 1, 1], np.float32)
    assert sum_steps({"loss": Mean(steps, steps)})["loss"].total == 2**24 + 3


def test_a_metric_crosses_jit_as_it_is():
    merged = jax.jit(Mean.merge)(Mean(1.0, 2.0), Mean.empty())
    assert isinstance(merged, Mean)
    assert merged.compute() == 0.5


@given(st.integers(0, 2**32 - 1))
def test_accuracy_is_the_share_of_right_answers_where_the_mask_holds(seed):
    rng = np.random.default_rng(seed)
    logits, targets = rng.standard_normal((3, 4, 3)).astype(np.float32), rng.integers(3, size=(3, 4))
    mask = rng.random((3, 4)) < 0.5
    found = accuracy(jnp.asarray(logits), jnp.asarray(targets), jnp.asarray(mask))
    right = logits.argmax(axis=-1) == targets
    assert as_floats(found) == (right[mask].sum(), mask.sum())
    assert as_floats(accuracy(jnp.asarray(logits), jnp.asarray(targets))) == (right.sum(), right.size)


def test_padding_never_counts_as_right_or_wrong():
    logits = jnp.array([[[0.0, 1.0], [jnp.nan, jnp.nan]]])
    padded = accuracy(logits, jnp.array([[1, 0]]), jnp.array([[True, False]]))
    assert as_floats(padded) == (1, 1)
    assert accuracy(logits, jnp.array([[1, 0]]), jnp.zeros((1, 2), bool)).compute() == 0
