"""Gates by one tanh are the gates by their own activations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells.gates import squash, unsquash

ACTIVATIONS = {"s": jax.nn.sigmoid, "t": jnp.tanh}


@pytest.mark.parametrize("kinds", ["s", "t", "ss", "ssts", "tst"])
def test_each_gate_has_its_own_activation_and_slope(kinds):
    pre_activations = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4 * len(kinds))) * 5, jnp.float32)

    def apart(pre_activations):
        parts = jnp.split(pre_activations, len(kinds), axis=-1)
        return tuple(ACTIVATIONS[kind](part) for kind, part in zip(kinds, parts, strict=True))

    for function in (lambda f: f, lambda f: jax.jacobian(lambda x: sum(g.sum() for g in f(x)))):
        found = function(lambda x: squash(x, kinds))(pre_activations)
        expected = function(apart)(pre_activations)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=3e-7), found, expected)


def test_saturated_gates_stay_in_their_range_with_no_slope():
    extremes = jnp.array([[-1e4, 1e4, -1e4, 1e4]])
    s, t = squash(extremes, "st")
    assert s.tolist() == [[0.0, 1.0]]
    assert t.tolist() == [[-1.0, 1.0]]
    slopes = jax.grad(lambda x: sum(g.sum() for g in squash(x, "st")))(extremes)
    assert slopes.tolist() == [[0.0] * 4]


@pytest.mark.parametrize("kinds", ["s", "tst"])
def test_slopes_follow_from_the_gates_own_values(kinds):
    rng = np.random.default_rng(0)
    pre_activations = jnp.asarray(rng.normal(size=(3, 4 * len(kinds))) * 3, jnp.float32)
    gates, pull = jax.vjp(lambda x: squash(x, kinds), pre_activations)
    d_gates = tuple(jnp.asarray(rng.normal(size=gate.shape), jnp.float32) for gate in gates)
    np.testing.assert_allclose(unsquash(gates, d_gates, kinds), pull(d_gates)[0], atol=1e-6)
