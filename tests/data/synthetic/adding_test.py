import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.data.synthetic.adding import CHANCE_SQUARED_ERROR, adding_batch


@given(num_steps=st.integers(2, 30), seed=st.integers(0, 2**16))
@settings(max_examples=30)
def test_the_target_is_the_sum_of_the_two_marked_values_one_in_each_half(num_steps, seed):
    batch = adding_batch(np.random.default_rng(seed), 4, num_steps)
    for row, target in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        marked = [(step, value) for step, (value, marker) in enumerate(row) if marker == 1]
        assert [marker for _, marker in row].count(0) == num_steps - 2
        (first, one), (second, other) = marked
        assert first < num_steps // 2 <= second
        assert target == pytest.approx(one + other, abs=1e-6)


def test_always_saying_1_errs_by_a_sixth():
    targets = adding_batch(np.random.default_rng(0), 40_000, 4).targets
    # The fourth moment of the sum gives the squared error's own standard error: 0.2 / sqrt(n).
    assert np.square(targets - 1).mean() == pytest.approx(CHANCE_SQUARED_ERROR, abs=5 * 0.2 / 200)


def test_every_step_of_a_half_can_be_marked():
    markers = adding_batch(np.random.default_rng(0), 500, 7).inputs[..., 1]
    assert (markers.sum(axis=0) > 0).all()
