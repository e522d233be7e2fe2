from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.optim.penalties import add_penalty_gradients, penalty

PARAMS = {
    "cell": {"input_kernel": jnp.array([[1.0, -2.0], [0.0, 0.5]]), "bias": jnp.array([3.0, -3.0])},
    "head": {"kernel": jnp.array([[4.0], [-1.0]])},
    "embedding": {"embedding": jnp.array([[5.0, -6.0]])},
}
WEIGHT = st.floats(0, 10, width=32)


def data_loss(params):
    return sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(params))


def add_gradients(gradients, **weights) -> Any:
    return add_penalty_gradients(**weights).update(gradients, optax.EmptyState(), PARAMS)[0]


def test_the_penalty_sums_over_kernels_alone():
    assert float(penalty(PARAMS, l1=1.0)) == 8.5
    assert float(penalty(PARAMS, l2=1.0)) == 0.5 * 22.25
    assert float(penalty(PARAMS, l1=2.0, l2=4.0)) == 17 + 44.5
    assert float(penalty(PARAMS)) == 0


@jax.jit
def chain_gradient(l1, l2):
    return add_gradients(jax.grad(data_loss)(PARAMS), l1=l1, l2=l2)


@jax.jit
def loss_gradient(l1, l2):
    return jax.grad(lambda params: data_loss(params) + penalty(params, l1=l1, l2=l2))(PARAMS)


@pytest.mark.parametrize("on", [(False, False), (True, False), (False, True), (True, True)])
@given(l1=WEIGHT, l2=WEIGHT)
@settings(max_examples=15)
def test_the_chain_adds_the_gradient_of_the_penalised_loss(on, l1, l2):
    weights = (l1 if on[0] else None, l2 if on[1] else None)
    found, expected = chain_gradient(*weights), loss_gradient(*weights)
    # The sums are associated in another order, which costs float32 an ulp of a term of size 40 at the most.
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, rtol=1e-6, atol=1e-5), found, expected)


def test_leaves_that_are_no_kernels_keep_their_gradient_bit_for_bit():
    gradients = jax.grad(data_loss)(PARAMS)
    found = add_gradients(gradients, l1=0.3, l2=0.7)
    np.testing.assert_array_equal(found["cell"]["bias"], gradients["cell"]["bias"])
    np.testing.assert_array_equal(found["embedding"]["embedding"], gradients["embedding"]["embedding"])
    assert not np.array_equal(found["head"]["kernel"], gradients["head"]["kernel"])


def test_penalties_without_params_are_refused():
    with pytest.raises(SeqlabError, match="need the params"):
        add_penalty_gradients(l2=1.0).update(PARAMS, optax.EmptyState())
