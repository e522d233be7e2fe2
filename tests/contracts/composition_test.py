"""Cut, streamed, batched, compiled or laid out in another way, an unrolling is the same unrolling."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.contracts.cases import (
    CELL_NAMES,
    B,
    T,
    assert_close,
    assert_equal,
    compiled,
    example,
    for_a_pair_of_each_kin,
    for_a_pair_without_jit,
    for_both_directions,
    fresh_carry,
    full_controls,
    has_the_loop_s_gradients,
    in_time,
    jit,
    make,
    random_params,
    steps,
    unrolled_from,
    with_gradients,
)

LENGTHS = np.array([4, 0, 1, 3, 2])
RESETS = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 1], [0, 1, 0, 0]], bool)


@for_both_directions
@for_a_pair_of_each_kin
def test_unrolling_in_two_parts_is_unrolling_at_once(cell_name, engine, reverse):
    given = example(cell_name)
    run = compiled(cell_name, engine, reverse)
    whole, whole_gradients = run(given, lengths=LENGTHS)

    halves = [slice(0, 2), slice(2, T)]
    lengths = [np.minimum(LENGTHS, 2), np.maximum(LENGTHS - 2, 0)]
    first, then = (1, 0) if reverse else (0, 1)
    one, other = in_time(given, halves[first]), in_time(given, halves[then])
    before, _ = run(one, lengths=lengths[first])
    after, after_gradients = run(other._replace(carry=before.carry), lengths=lengths[then])
    # The chain rule by hand: what the second part owes to its first carry is what the first part's last one is worth.
    one = one._replace(weights=one.weights._replace(carry=after_gradients.carry))
    _, before_gradients = run(one, lengths=lengths[first])

    parts = [before, after][:: -1 if reverse else 1]
    gradients = [before_gradients, after_gradients][:: -1 if reverse else 1]
    assert_close(after.carry, whole.carry)
    assert_close(np.concatenate([part.outputs for part in parts], axis=1), whole.outputs)
    assert_close(
        jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *(part.carries for part in parts)),
        whole.carries,
    )
    if has_the_loop_s_gradients(engine):
        assert_close(np.concatenate([part.inputs for part in gradients], axis=1), whole_gradients.inputs)
        assert_close(jax.tree.map(np.add, *(part.params for part in gradients)), whole_gradients.params)
        assert_close(before_gradients.carry, whole_gradients.carry)


@for_a_pair_of_each_kin
def test_streaming_step_by_step_is_unrolling_at_once(cell_name, engine):
    given = example(cell_name)
    whole, _ = compiled(cell_name, engine, False)(given, resets=RESETS)
    cell = make(cell_name)

    @jit
    def one_step(params, inputs, carry, resets):
        return unrolled_from(cell, params, inputs, carry, resets=resets, engine=engine)

    carry = given.carry
    for t in range(T):
        now = slice(t, t + 1)
        unrolled = one_step(given.params, given.inputs[:, now], carry, jnp.asarray(RESETS[:, now]))
        carry = unrolled.carry
        assert_close(unrolled.outputs, whole.outputs[:, now])
        assert_close(carry, steps(whole.carries, t))


@for_a_pair_of_each_kin
def test_time_major_is_batch_major_with_its_axes_swapped(cell_name, engine):
    given = in_time(example(cell_name), slice(2))
    lengths, resets = np.minimum(LENGTHS, 2), RESETS[:, :2]
    expected, expected_gradients = compiled(cell_name, engine, True)(given, lengths=lengths, resets=resets)
    controls = full_controls((B, 2), lengths, None, resets)

    def swapped(tree):
        return jax.tree.map(lambda leaf: np.swapaxes(leaf, 0, 1), tree)

    time_major = given._replace(
        inputs=swapped(given.inputs),
        weights=given.weights._replace(outputs=swapped(given.weights.outputs), carries=swapped(given.weights.carries)),
    )
    controls |= {"mask": controls["mask"].T, "resets": controls["resets"].T}
    options = {"engine": engine, "reverse": True, "return_all_carries": True, "time_major": True}
    run = functools.partial(unrolled_from, make(cell_name), **options, **controls)
    found, gradients = jit(functools.partial(with_gradients, run))(time_major)
    found = found._replace(outputs=swapped(found.outputs), carries=swapped(found.carries))
    assert_close(found, expected)
    assert_close(gradients._replace(inputs=swapped(gradients.inputs)), expected_gradients)


@for_a_pair_without_jit
def test_without_jit_and_without_controls_it_is_the_compiled_one_with_controls_that_do_nothing(cell_name, engine):
    given = in_time(example(cell_name), slice(2))
    options = {"engine": engine, "return_all_carries": True}
    plain = with_gradients(functools.partial(unrolled_from, make(cell_name), **options), given)
    assert_close(plain, compiled(cell_name, engine, False)(given))


@for_a_pair_without_jit
def test_without_jit_lengths_and_resets_mean_the_same(cell_name, engine):
    given = in_time(example(cell_name), slice(2))
    controls = full_controls((B, 2), np.minimum(LENGTHS, 2), None, RESETS[:, :2])
    options = {"engine": engine, "reverse": True, "return_all_carries": True}
    plain = unrolled_from(make(cell_name), given.params, given.inputs, given.carry, **options, **controls)
    assert_close(plain, compiled(cell_name, engine, True)(given, **controls)[0])


@for_a_pair_of_each_kin
def test_a_population_under_vmap_is_a_stack_of_singles(cell_name, engine):
    given = in_time(example(cell_name), slice(2))
    cell = make(cell_name)
    members = [random_params(cell, seed) for seed in (11, 12, 13)]
    population = jax.tree.map(lambda *leaves: np.stack(leaves), *members)
    controls = full_controls((B, 2), np.minimum(LENGTHS, 2), None, RESETS[:, :2])
    options = {"engine": engine, "return_all_carries": True}
    run = functools.partial(unrolled_from, cell, **options, **controls)
    of_all = jit(jax.vmap(lambda params: with_gradients(run, given._replace(params=params))))(population)
    alone = compiled(cell_name, engine, False)
    singles = [alone(given._replace(params=params), **controls) for params in members]
    assert_close(of_all, jax.tree.map(lambda *leaves: np.stack(leaves), *singles))


@for_a_pair_without_jit
def test_no_initial_carry_means_the_cell_s_own_fresh_one(cell_name, engine):
    given = in_time(example(cell_name), slice(2))
    cell = make(cell_name)
    fresh = fresh_carry(cell_name)
    found = unrolled_from(cell, given.params, given.inputs, None, return_all_carries=True, engine=engine)
    assert_close(found, compiled(cell_name, engine, False)(given._replace(carry=fresh))[0])


@for_a_pair_without_jit
def test_all_carries_are_returned_only_when_they_are_asked_for(cell_name, engine):
    given = in_time(example(cell_name), slice(2))
    found = unrolled_from(make(cell_name), given.params, given.inputs, given.carry, engine=engine)
    assert found.carries is None
    expected, _ = compiled(cell_name, engine, False)(given)
    assert_close(found, expected._replace(carries=None))


@for_a_pair_of_each_kin
def test_other_lengths_and_values_do_not_compile_again(cell_name, engine):
    given = example(cell_name)
    cell = make(cell_name)
    traces = []

    @jit
    def run(params, inputs, lengths):
        traces.append(lengths)
        return unrolled_from(cell, params, inputs, None, lengths=lengths, engine=engine).outputs

    short = run(given.params, given.inputs[:, :1], jnp.zeros(B, jnp.int32))
    full = run(given.params, 2 * given.inputs[:, :1], jnp.ones(B, jnp.int32))
    assert len(traces) == 1
    assert not np.any(short)
    assert np.any(full)


def test_examples_reach_the_parts_that_the_laws_speak_of():
    for cell_name in CELL_NAMES:
        given = example(cell_name)
        assert all(np.all(leaf) for leaf in jax.tree.leaves(given)), cell_name
        with pytest.raises(AssertionError):
            assert_equal(given, given._replace(inputs=given.inputs + 1e-6))
