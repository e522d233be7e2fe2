import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.errors import InvalidRngError

from seqlab.layers import Dropout
from seqlab.layers.dropout import is_off

INPUTS = 1.0 + jax.random.uniform(jax.random.key(0), (40, 25))


@jax.jit
def drop(inputs, rate, key):
    return Dropout().apply({}, inputs, rate, rngs={"dropout": key})


def test_a_rate_of_zero_needs_no_key_and_changes_nothing():
    assert Dropout().apply({}, INPUTS, 0.0) is INPUTS


def test_any_other_rate_needs_a_key():
    with pytest.raises(InvalidRngError):
        Dropout().apply({}, INPUTS, 0.5)


def test_a_traced_rate_of_zero_changes_nothing():
    np.testing.assert_array_equal(drop(INPUTS, 0.0, jax.random.key(1)), INPUTS)


def test_a_rate_is_off_only_where_it_is_known_to_be_zero():
    assert is_off(0.0)
    assert not is_off(0.1)
    assert not is_off(jnp.array(0.0))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_elements_are_dropped_or_scaled_such_that_their_mean_is_kept(rate):
    keys = jax.random.split(jax.random.key(1), 20)
    outputs = np.asarray(jax.vmap(drop, in_axes=(None, None, 0))(INPUTS, rate, keys))
    kept = outputs != 0
    np.testing.assert_allclose(outputs, np.where(kept, INPUTS / (1 - rate), 0), rtol=1e-6)
    # Five standard deviations of the mean of N Bernoulli draws.
    assert abs(kept.mean() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / kept.size)
    assert abs(outputs.mean() / INPUTS.mean() - 1) < 6 * np.sqrt(rate / (1 - rate) / kept.size)


def test_the_mask_is_a_function_of_the_key():
    one, again, other = (drop(INPUTS, 0.5, jax.random.key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_gradient_passes_only_where_an_element_was_kept():
    outputs, pull_back = jax.vjp(lambda inputs: drop(inputs, 0.25, jax.random.key(1)), INPUTS)
    (gradient,) = pull_back(jnp.ones_like(outputs))
    np.testing.assert_allclose(gradient, np.where(outputs != 0, 1 / 0.75, 0), rtol=1e-6)


def test_a_population_with_rates_of_its_own_is_a_stack_of_singles():
    rates, keys = jnp.array([0.0, 0.3, 0.8]), jax.random.split(jax.random.key(1), 3)
    of_all = jax.vmap(drop, in_axes=(None, 0, 0))(INPUTS, rates, keys)
    singles = [drop(INPUTS, rate, key) for rate, key in zip(rates, keys, strict=True)]
    np.testing.assert_array_equal(of_all, jnp.stack(singles))
    assert len({int((member == 0).sum()) for member in of_all}) == 3
