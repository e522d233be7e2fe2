"""Padding changes nothing: whatever stands in it, however much of it there is, in values and in gradients."""

import jax
import numpy as np
import pytest

from tests.contracts.cases import (
    B,
    T,
    assert_close,
    assert_equal,
    compiled,
    example,
    for_a_pair_of_each_kin,
    for_all_pairs,
    for_both_directions,
    has_the_loop_s_gradients,
    in_time,
    over,
    rows,
    steps,
)

LENGTHS = np.array([4, 0, 1, 3, 2])
WITHIN = np.arange(T) < LENGTHS[:, None]
HOLES = np.array([[1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]], bool)


@for_both_directions
@for_all_pairs
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_nothing_in_the_padding_reaches_any_result_or_gradient(cell_name, engine, reverse, poison):
    given = example(cell_name)
    run = compiled(cell_name, engine, reverse)
    poisoned = given._replace(inputs=np.where(over(HOLES, given.inputs), given.inputs, poison))
    assert_equal(run(poisoned, mask=HOLES), run(given, mask=HOLES))


@for_both_directions
@for_all_pairs
def test_outputs_and_gradients_at_padding_are_zero(cell_name, engine, reverse):
    unrolled, gradients = compiled(cell_name, engine, reverse)(example(cell_name), lengths=LENGTHS)
    assert not np.any(unrolled.outputs[~WITHIN])
    assert not np.any(gradients.inputs[~WITHIN])
    assert np.any(gradients.inputs[WITHIN])


@for_both_directions
@for_all_pairs
def test_outputs_at_padding_pass_no_gradient_on(cell_name, engine, reverse):
    given = example(cell_name)
    run = compiled(cell_name, engine, reverse)
    weights = given.weights._replace(outputs=np.where(over(WITHIN, given.weights.outputs), given.weights.outputs, 1e3))
    assert_equal(run(given._replace(weights=weights), lengths=LENGTHS), run(given, lengths=LENGTHS))


@for_all_pairs
def test_the_carry_stands_still_after_a_sequence_s_own_last_step(cell_name, engine):
    unrolled, _ = compiled(cell_name, engine, False)(example(cell_name), lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        for t in range(max(length - 1, 0), T):
            after = example(cell_name).carry if length == 0 else steps(unrolled.carries, t)
            assert_equal(rows(after, row), rows(unrolled.carry, row))


@for_all_pairs
def test_backward_the_carry_stands_still_until_a_sequence_s_own_last_step(cell_name, engine):
    given = example(cell_name)
    unrolled, _ = compiled(cell_name, engine, True)(given, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        for t in range(length, T):
            assert_equal(rows(steps(unrolled.carries, t), row), rows(given.carry, row))
    assert_equal(rows(unrolled.carry, 0), rows(steps(unrolled.carries, 0), 0))


@for_both_directions
@for_all_pairs
def test_length_zero_returns_the_initial_carry_and_passes_its_gradient_on(cell_name, engine, reverse):
    given = example(cell_name)
    weights = given.weights._replace(carries=jax.tree.map(np.zeros_like, given.weights.carries))
    given = given._replace(weights=weights)
    unrolled, gradients = compiled(cell_name, engine, reverse)(given, lengths=np.zeros(B))
    assert_equal(unrolled.carry, given.carry)
    assert_equal(gradients.carry, given.weights.carry)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradients.params))


@for_both_directions
@for_a_pair_of_each_kin
def test_less_padding_gives_the_same(cell_name, engine, reverse):
    given = example(cell_name)
    lengths = np.minimum(LENGTHS, 2)
    weights = given.weights._replace(carries=jax.tree.map(np.zeros_like, given.weights.carries))
    given = given._replace(weights=weights)
    run = compiled(cell_name, engine, reverse)
    narrow, narrow_gradients = run(in_time(given, slice(2)), lengths=lengths)
    wide, wide_gradients = run(given, lengths=lengths)
    wide = wide._replace(outputs=wide.outputs[:, :2], carries=steps(wide.carries, slice(2)))
    assert_close(narrow, wide)
    assert_close(narrow_gradients, wide_gradients._replace(inputs=wide_gradients.inputs[:, :2]))


@for_both_directions
@for_all_pairs
def test_a_mask_with_holes_is_the_sequence_without_those_steps(cell_name, engine, reverse):
    given = example(cell_name)
    given = given._replace(weights=given.weights._replace(carries=jax.tree.map(np.zeros_like, given.weights.carries)))
    run = compiled(cell_name, engine, reverse)
    # A stable sort of "is a hole" moves the real steps to the front and keeps their order.
    front = np.argsort(~HOLES, axis=1, kind="stable")
    back = np.argsort(front, axis=1)

    def moved(array, order):
        return np.take_along_axis(array, over(order, array), axis=1)

    packed = given._replace(
        inputs=moved(given.inputs, front),
        weights=given.weights._replace(outputs=moved(given.weights.outputs, front)),
    )
    unrolled, gradients = run(given, mask=HOLES)
    dense, dense_gradients = run(packed, lengths=HOLES.sum(axis=1))
    assert_close(unrolled.outputs, moved(dense.outputs, back))
    assert_close(unrolled.carry, dense.carry)
    if has_the_loop_s_gradients(engine):
        assert_close(gradients, dense_gradients._replace(inputs=moved(dense_gradients.inputs, back)))


@for_both_directions
@for_all_pairs
def test_lengths_and_the_mask_they_stand_for_are_the_same(cell_name, engine, reverse):
    run = compiled(cell_name, engine, reverse)
    assert_equal(run(example(cell_name), lengths=LENGTHS), run(example(cell_name), mask=WITHIN))
