import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.diagnostics import integrated_gradients

RNG = np.random.default_rng(0)
WEIGHTS = jnp.asarray(RNG.normal(size=(6, 4)))
INPUTS, BASELINE = jnp.asarray(RNG.normal(size=(5, 6))), jnp.asarray(RNG.normal(size=(5, 6)))


def network(inputs):
    return jnp.tanh(inputs @ WEIGHTS).max(axis=0).sum() + jnp.tanh(inputs).sum() ** 2


def test_attributions_are_complete():
    found = integrated_gradients(network, INPUTS, BASELINE, num_points=200)
    assert found.shape == INPUTS.shape
    assert float(found.sum()) == pytest.approx(float(network(INPUTS) - network(BASELINE)), rel=1e-2)


def test_what_the_function_does_not_look_at_has_none_and_a_linear_one_gives_its_terms():
    slopes = jnp.array([2.0, 0.0, -1.0])
    found = integrated_gradients(lambda x: slopes @ x, jnp.array([1.0, 5.0, 3.0]), jnp.array([0.0, 1.0, 1.0]))
    np.testing.assert_allclose(found, [2.0, 0.0, -2.0], atol=1e-5)


def test_points_of_the_sum_are_exact_for_polynomials():
    # Two points are exact up to the third power of s in the gradient.
    found = integrated_gradients(lambda x: (x**4).sum(), jnp.array([2.0, -1.0]), jnp.zeros(2), num_points=2)
    np.testing.assert_allclose(found, [16.0, 1.0], rtol=1e-5)


def test_no_points_and_another_shape_are_refused():
    with pytest.raises(SeqlabError, match="at least 1 point"):
        integrated_gradients(network, INPUTS, BASELINE, num_points=0)
    with pytest.raises(SeqlabError, match="a baseline of shape"):
        integrated_gradients(network, INPUTS, BASELINE[:2])
