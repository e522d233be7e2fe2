"""Where the eigenvalues of an LRU start, and what its normalisation does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab import unroll
from seqlab.cells import LRUCarry, LRUCell
from seqlab.core.errors import SeqlabError

F, H = 8, 400


def eigenvalues(cell, seed=0):
    params = cell.init_params(jax.random.key(seed), F)
    return np.asarray(cell.coefficients(params, cell.project(params, jnp.zeros((1, F))))[0])


@pytest.mark.parametrize(("r_min", "r_max"), [(0.0, 1.0), (0.9, 0.999), (0.3, 0.5)])
def test_eigenvalues_start_uniform_over_the_ring_between_the_two_radii(r_min, r_max):
    moduli = np.abs(eigenvalues(LRUCell(H, r_min=r_min, r_max=r_max)))
    assert moduli.min() >= r_min - 1e-6
    assert moduli.max() <= r_max
    uniform = np.sort((moduli**2 - r_min**2) / (r_max**2 - r_min**2))
    # The greatest distance of 400 uniform draws from the line is above 0.1 less than once in a thousand times.
    assert np.abs(uniform - np.arange(H) / H).max() < 0.1


def test_phases_start_uniform_from_zero_to_the_largest():
    phases = np.angle(eigenvalues(LRUCell(H, r_min=0.5, max_phase=0.3)))
    assert phases.min() >= 0
    assert phases.max() <= 0.3
    assert np.abs(np.sort(phases) / 0.3 - np.arange(H) / H).max() < 0.1


def test_the_state_is_as_large_as_what_is_read_whatever_the_eigenvalue():
    cell = LRUCell(H, r_min=0.2, r_max=0.99)
    params = cell.init_params(jax.random.key(1), F)
    inputs = jax.random.normal(jax.random.key(2), (4, 1000, F))
    states = unroll(cell, params, inputs, return_all_carries=True, engine="scan").carries
    B_real, B_imag, _ = jnp.split(params["input_kernel"], 3, axis=-1)
    expected = (B_real**2 + B_imag**2).sum(axis=0)
    found = (states.real**2 + states.imag**2)[:, 500:].mean(axis=(0, 1))
    # 2000 steps, of which neighbours within 1 / (1 - 0.99) steps are much alike.
    np.testing.assert_allclose(found / expected, 1.0, atol=0.7)
    np.testing.assert_allclose((found / expected).mean(), 1.0, atol=0.05)


def test_no_value_of_the_parameters_makes_it_grow():
    params = {"nu_log": jnp.array([-20.0, -3.0, 0.0, 20.0]), "theta_log": jnp.array([-9.0, 0.0, 3.0, 9.0])}
    a, _ = LRUCell(4).coefficients(params, jnp.zeros((1, 12)))
    assert np.all(np.abs(a) <= 1)


def test_a_pair_of_real_arrays_is_its_carry():
    carry = LRUCell(H).initialize_carry(jax.random.key(0), (2, F))
    assert isinstance(carry, LRUCarry)
    assert [(leaf.shape, leaf.dtype) for leaf in carry] == [((2, H), jnp.float32)] * 2


@pytest.mark.parametrize("wrong", [{"r_min": -0.1}, {"r_min": 0.9, "r_max": 0.9}, {"r_max": 1.1}, {"max_phase": 0.0}])
def test_radii_and_phases_that_make_no_ring_are_errors(wrong):
    with pytest.raises(SeqlabError, match="an LRU needs 0 <= r_min < r_max <= 1 and max_phase > 0; got r_min"):
        LRUCell(4, **wrong).init_params(jax.random.key(0), F)
