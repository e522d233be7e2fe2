"""Masks over time."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seqlab.core.masks import flip_sequences, lengths_to_mask, reversed_resets, select, zero_padding


@given(st.lists(st.integers(0, 6), min_size=4, max_size=4))
def test_a_mask_holds_as_many_steps_as_the_length_says_and_the_first_ones(lengths):
    mask = np.asarray(lengths_to_mask(jnp.array(lengths), 6))
    assert mask.sum(axis=1).tolist() == lengths
    assert not np.any(mask[:, 1:] & ~mask[:, :-1])


def test_lengths_of_any_shape_get_a_time_axis_behind_them():
    assert lengths_to_mask(jnp.ones((2, 3), jnp.int32), 5).shape == (2, 3, 5)


@given(st.lists(st.integers(0, 5), min_size=4, max_size=4))
def test_a_flip_turns_each_sequence_around_within_its_length_and_a_second_one_turns_it_back(lengths):
    sequences = np.random.default_rng(0).standard_normal((5, 4, 2))
    flipped = np.asarray(flip_sequences(jnp.asarray(sequences), jnp.array(lengths)))
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(flipped[:length, row], np.float32(sequences[:length, row][::-1]))
        np.testing.assert_array_equal(flipped[length:, row], np.float32(sequences[length:, row]))
    np.testing.assert_array_equal(flip_sequences(jnp.asarray(flipped), jnp.array(lengths)), np.float32(sequences))


def test_select_chooses_rows_of_every_leaf_whatever_its_rank():
    mask = jnp.array([True, False])
    ones = {"a": jnp.ones(2), "b": jnp.ones((2, 3, 4))}
    chosen = select(mask, ones, jax.tree.map(jnp.zeros_like, ones))
    np.testing.assert_array_equal(chosen["a"], [1, 0])
    np.testing.assert_array_equal(chosen["b"], np.stack([np.ones((3, 4)), np.zeros((3, 4))]))


def test_zero_padding_removes_nan_from_values_and_from_gradients():
    mask = jnp.array([[True, False]])
    values = jnp.array([[[2.0], [jnp.nan]]])
    np.testing.assert_array_equal(zero_padding(values, mask), [[[2.0], [0.0]]])
    gradient = jax.grad(lambda values: jnp.sum(jnp.square(zero_padding(values, mask))))(values)
    np.testing.assert_array_equal(gradient, [[[4.0], [0.0]]])


def test_without_a_mask_nothing_is_padding():
    values = jnp.array([jnp.inf])
    assert zero_padding(values, None) is values


def by_hand(resets, mask):
    """Backward, a step starts afresh where the next real step in time begins a sequence."""
    starts = np.zeros_like(resets)
    for row in range(resets.shape[1]):
        real = np.flatnonzero(mask[:, row])
        for step, after in itertools.pairwise(real):
            starts[step, row] = resets[after, row]
    return starts


@given(hnp.arrays(bool, (5, 3)), hnp.arrays(bool, (5, 3)))
def test_a_backward_pass_starts_afresh_on_the_other_side_of_each_reset(resets, mask):
    found = np.asarray(reversed_resets(jnp.asarray(resets), jnp.asarray(mask)))
    np.testing.assert_array_equal(found & mask, by_hand(resets, mask))


@given(hnp.arrays(bool, (5, 3)))
def test_without_a_mask_every_step_is_real(resets):
    found = reversed_resets(jnp.asarray(resets), None)
    np.testing.assert_array_equal(found, by_hand(resets, np.ones_like(resets)))
