from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.layers import Dense

F, D = 5, 3
INPUTS = jax.random.normal(jax.random.key(1), (2, 4, F))
KERNEL = jax.random.normal(jax.random.key(2), (F, D))
BIAS = jnp.array([1.0, -2.0, 0.5])
WIDE: Any = Dense(D)
NARROW: Any = Dense(D, jnp.bfloat16)
PARAMS = {"params": {"kernel": KERNEL, "bias": BIAS}}


@pytest.mark.parametrize("axes", [0, 1, 2])
def test_dense_is_a_product_and_a_bias_on_the_last_axis(axes):
    inputs = INPUTS[(0,) * (2 - axes)]
    found = WIDE.apply(PARAMS, inputs)
    np.testing.assert_allclose(found, np.asarray(inputs) @ np.asarray(KERNEL) + BIAS, rtol=1e-5, atol=1e-6)


def test_its_params_have_the_names_and_shapes_that_are_promised():
    params = WIDE.init(jax.random.key(0), INPUTS)["params"]
    assert jax.tree.map(jnp.shape, params) == {"kernel": (F, D), "bias": (D,)}
    assert not np.any(params["bias"])
    assert np.all(np.abs(params["kernel"]) <= np.sqrt(6 / (F + D)))


def test_narrow_products_stay_close_and_come_out_in_float32():
    narrow, wide = NARROW.apply(PARAMS, INPUTS), WIDE.apply(PARAMS, INPUTS)
    assert narrow.dtype == jnp.float32
    assert not np.array_equal(narrow, wide)
    # Either factor is rounded to 8 bits, so a product is off by less than 2^-7 of its size.
    bound = np.abs(INPUTS) @ np.abs(KERNEL) / 2**7
    assert np.all(np.abs(narrow - wide) <= bound)


def test_the_gradient_of_narrow_products_is_in_float32_too():
    gradient = jax.grad(lambda params: NARROW.apply(params, INPUTS).sum())(PARAMS)
    assert {leaf.dtype for leaf in jax.tree.leaves(gradient)} == {jnp.dtype("float32")}
    wide = jax.grad(lambda params: WIDE.apply(params, INPUTS).sum())(PARAMS)
    jax.tree.map(lambda n, w: np.testing.assert_allclose(n, w, rtol=0.05, atol=0.05), gradient, wide)
