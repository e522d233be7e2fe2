"""``reverse`` flips time within each length; a reset starts the sequence afresh, in either direction."""

import jax
import numpy as np

from tests.contracts.cases import (
    B,
    T,
    assert_close,
    assert_equal,
    compiled,
    example,
    for_all_pairs,
    for_both_directions,
    fresh_carry,
    has_the_loop_s_gradients,
    over,
    rows,
    steps,
)

LENGTHS = np.array([4, 0, 1, 3, 2])


def flipped(tree):
    """Each row's first ``LENGTHS`` steps back to front, its padding where it is."""
    times = np.arange(T)
    order = np.where(times < LENGTHS[:, None], LENGTHS[:, None] - 1 - times, times)
    return jax.tree.map(lambda leaf: np.take_along_axis(leaf, over(order, leaf), axis=1), tree)


@for_all_pairs
def test_backward_is_forward_over_each_sequence_flipped_within_its_length(cell_name, engine):
    given = example(cell_name)
    weights = given.weights._replace(carries=jax.tree.map(np.zeros_like, given.weights.carries))
    given = given._replace(weights=weights)
    mirrored = given._replace(inputs=flipped(given.inputs), weights=weights._replace(outputs=flipped(weights.outputs)))
    backward, gradients = compiled(cell_name, engine, True)(given, lengths=LENGTHS)
    forward, mirrored_gradients = compiled(cell_name, engine, False)(mirrored, lengths=LENGTHS)
    assert_close(backward.outputs, flipped(forward.outputs))
    assert_close(backward.carry, forward.carry)
    if has_the_loop_s_gradients(engine):
        assert_close(gradients, mirrored_gradients._replace(inputs=flipped(mirrored_gradients.inputs)))


@for_both_directions
@for_all_pairs
def test_sequences_packed_in_one_row_are_unrolled_as_if_each_stood_alone(cell_name, engine, reverse):
    given = example(cell_name)
    fresh = fresh_carry(cell_name)
    given = given._replace(carry=fresh)
    run = compiled(cell_name, engine, reverse)
    # Row 0 holds the first 3 steps of row 1 and then the first step of row 2.
    lengths = np.array([4, 3, 1, 0, 0])
    inputs = given.inputs.copy()
    inputs[0] = np.concatenate([given.inputs[1, :3], given.inputs[2, :1]])
    resets = np.zeros((B, T), bool)
    resets[0, [0, 3]] = True
    unrolled, _ = run(given._replace(inputs=inputs), lengths=lengths, resets=resets)
    assert_close(unrolled.outputs[0], np.concatenate([unrolled.outputs[1, :3], unrolled.outputs[2, :1]]))
    assert_close(rows(unrolled.carry, 0), rows(unrolled.carry, 1 if reverse else 2))


@for_both_directions
@for_all_pairs
def test_no_gradient_crosses_a_reset(cell_name, engine, reverse):
    given = example(cell_name)
    zeros = jax.tree.map(np.zeros_like, given.weights)
    in_second_half = np.broadcast_to(over(np.arange(T)[None] >= 2, zeros.outputs), zeros.outputs.shape)
    second_half = zeros._replace(outputs=in_second_half.astype(np.float32))
    first_half = zeros._replace(outputs=(~in_second_half).astype(np.float32))
    resets = np.zeros((B, T), bool)
    resets[:, 2] = True
    run = compiled(cell_name, engine, reverse)
    _, of_second = run(given._replace(weights=second_half), resets=resets)
    _, of_first = run(given._replace(weights=first_half), resets=resets)
    assert not np.any(of_second.inputs[:, :2])
    assert not np.any(of_first.inputs[:, 2:])
    # What is read after the border owes nothing to the first carry; what is read before it does.
    read_last, read_first = (of_first, of_second) if reverse else (of_second, of_first)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(read_last.carry))
    assert any(np.any(leaf) for leaf in jax.tree.leaves(read_first.carry))


@for_all_pairs
def test_a_reset_at_the_first_step_forgets_the_initial_carry(cell_name, engine):
    given = example(cell_name)
    fresh = fresh_carry(cell_name)
    resets = np.zeros((B, T), bool)
    resets[:, 0] = True
    run = compiled(cell_name, engine, False)
    found, gradients = run(given, resets=resets)
    assert_equal(found, run(given._replace(carry=fresh))[0])
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradients.carry))


@for_both_directions
@for_all_pairs
def test_resets_at_padding_are_void(cell_name, engine, reverse):
    given = example(cell_name)
    within = np.arange(T) < LENGTHS[:, None]
    run = compiled(cell_name, engine, reverse)
    assert_equal(run(given, lengths=LENGTHS, resets=~within), run(given, lengths=LENGTHS))


@for_both_directions
@for_all_pairs
def test_resets_before_every_step_make_all_steps_alike(cell_name, engine, reverse):
    given = example(cell_name)
    repeated = given._replace(inputs=np.repeat(given.inputs[:, :1], T, axis=1))
    # Backward, the step that is read first goes on from the carry that was given; so give a fresh one.
    fresh = fresh_carry(cell_name)
    run = compiled(cell_name, engine, reverse)
    unrolled, _ = run(repeated._replace(carry=fresh), resets=np.ones((B, T)))
    for t in range(T):
        assert_close(unrolled.outputs[:, t], unrolled.outputs[:, 0])
        assert_close(steps(unrolled.carries, t), unrolled.carry)
