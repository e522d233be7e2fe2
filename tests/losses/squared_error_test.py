import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.losses import squared_error

B, T = 3, 4
RNG = np.random.default_rng(0)
PREDICTIONS, TARGETS = (jnp.asarray(RNG.standard_normal((B, T)), jnp.float32) for _ in range(2))
masks = st.lists(st.booleans(), min_size=B * T, max_size=B * T).map(lambda flags: np.array(flags).reshape(B, T))

loss_and_gradient = jax.jit(
    jax.value_and_grad(lambda *arrays: (lambda pair: (pair.total, pair.weight))(squared_error(*arrays)), has_aux=True)
)


@given(masks)
@settings(max_examples=20)
def test_it_is_the_sum_of_squares_where_the_mask_holds_and_so_is_its_gradient(mask):
    (total, weight), gradient = loss_and_gradient(PREDICTIONS, TARGETS, mask)
    difference = np.where(mask, PREDICTIONS - TARGETS, 0)
    np.testing.assert_allclose(total, np.square(difference).sum(), rtol=1e-5)
    np.testing.assert_allclose(gradient, 2 * difference, rtol=1e-5)
    assert float(weight) == mask.sum()


@given(masks)
@settings(max_examples=10)
def test_nan_in_the_padding_of_either_side_reaches_nothing(mask):
    poisoned = [jnp.where(mask, values, jnp.nan) for values in (PREDICTIONS, TARGETS)]
    for one, other in zip(
        jax.tree.leaves(loss_and_gradient(*poisoned, mask)),
        jax.tree.leaves(loss_and_gradient(PREDICTIONS, TARGETS, mask)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_without_a_mask_every_element_counts():
    total, weight = squared_error(PREDICTIONS, TARGETS)
    np.testing.assert_allclose(total, squared_error(PREDICTIONS, TARGETS, jnp.ones((B, T), bool)).total, rtol=1e-6)
    assert float(weight) == B * T
