import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.metrics.edit_distance import collapsed, edit_distance, label_error_rate
from tests.contracts.cases import jit

STEPS, MOST = 6, 5
distance_of, rate_of = jit(edit_distance), jit(label_error_rate)


def by_recursion(ours, theirs):
    if not ours or not theirs:
        return len(ours) + len(theirs)
    (first, *ours_left), (other, *theirs_left) = ours, theirs
    ways = (by_recursion(ours_left, theirs), by_recursion(ours, theirs_left))
    return min(1 + min(ways), (first != other) + by_recursion(ours_left, theirs_left))


@settings(max_examples=40, deadline=None)
@given(
    path=st.lists(st.integers(0, 3), min_size=STEPS, max_size=STEPS),
    length=st.integers(0, STEPS),
    labels=st.lists(st.integers(1, 3), max_size=MOST),
)
def test_the_distance_is_that_of_the_recursion_over_prefixes(path, length, labels):
    targets = jnp.array([labels + [3] * (MOST - len(labels))])
    inputs = jnp.array([path]), jnp.array([length])
    kept = collapsed(*inputs)
    ours = [label for label, _ in itertools.groupby(path[:length]) if label]
    assert np.asarray(inputs[0])[0][np.asarray(kept)[0]].tolist() == ours
    distance = distance_of(inputs[0], kept, targets, jnp.array([len(labels)]))
    assert int(distance[0]) == by_recursion(ours, labels)


def test_the_rate_is_of_all_labels_together_and_rows_without_frames_do_not_count():
    paths, lengths = jnp.array([[1, 1, 0], [2, 0, 2], [1, 2, 1]]), jnp.array([3, 3, 0])
    targets, sizes = jnp.array([[1, 2], [2, 2], [3, 3]]), jnp.array([2, 2, 2])
    found = rate_of(paths, lengths, targets, sizes)
    assert (float(found.total), float(found.weight)) == (1.0, 4.0)
    assert found.compute() == pytest.approx(0.25)
