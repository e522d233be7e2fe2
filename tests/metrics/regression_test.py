import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.metrics import share_within

SIZE = 6
values = st.lists(st.floats(-2, 2, width=32), min_size=SIZE, max_size=SIZE).map(lambda row: np.array(row, np.float32))
masks = st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array)


@given(values, values, masks, st.sampled_from([0.25, 1.0]))
@settings(max_examples=30)
def test_it_counts_what_is_nearer_than_the_tolerance_among_those_that_exist(predictions, targets, mask, tolerance):
    rows = zip(predictions, targets, mask, strict=True)
    near = [abs(prediction - target) < tolerance for prediction, target, exists in rows if exists]
    found = share_within(jnp.asarray(predictions), jnp.asarray(targets), tolerance, jnp.asarray(mask))
    assert (float(found.total), float(found.weight)) == (sum(near), len(near))


def test_without_a_mask_every_element_counts():
    assert share_within(jnp.array([0.0, 1.0, 2.0]), jnp.array([0.0, 1.5, 2.1]), 0.2).compute() == pytest.approx(2 / 3)


def test_padding_may_hold_nan():
    assert share_within(jnp.array([0.0, jnp.nan]), jnp.zeros(2), 0.2, jnp.array([True, False])).compute() == 1.0
