from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.layers import Embedding

V, F = 7, 3
LAYER: Any = Embedding(V, F)
NARROW: Any = Embedding(V, F, jnp.bfloat16)
LARGE: Any = Embedding(200, 50)
PARAMS = LAYER.init(jax.random.key(0), jnp.zeros((1,), jnp.int32))
TABLE = PARAMS["params"]["embedding"]
IDS = jnp.array([[0, 6, 3], [3, 3, 1]])


def test_a_look_up_is_the_product_of_one_hots_with_the_table():
    found = LAYER.apply(PARAMS, IDS)
    np.testing.assert_array_equal(found, jax.nn.one_hot(IDS, V) @ TABLE)


def test_the_gradient_reaches_each_row_as_often_as_it_was_looked_up():
    gradient = jax.grad(lambda params: LAYER.apply(params, IDS).sum())(PARAMS)["params"]["embedding"]
    np.testing.assert_array_equal(gradient, np.bincount(np.ravel(IDS), minlength=V)[:, None] * np.ones(F))


def test_attend_gives_the_inner_product_with_every_row():
    inputs = jax.random.normal(jax.random.key(1), (2, 4, F))
    found = LAYER.apply(PARAMS, inputs, method="attend")
    np.testing.assert_allclose(found, np.einsum("btf,vf->btv", inputs, TABLE), rtol=1e-5, atol=1e-6)


def test_narrow_products_stay_close_and_come_out_in_float32():
    inputs = jax.random.normal(jax.random.key(1), (2, 4, F))
    narrow = NARROW.apply(PARAMS, inputs, method="attend")
    wide = LAYER.apply(PARAMS, inputs, method="attend")
    assert narrow.dtype == jnp.float32
    assert not np.array_equal(narrow, wide)
    # Factors keep 8 bits: each of three products is off by at most 2^-8 of factors below 3 and 0.18.
    np.testing.assert_allclose(narrow, wide, atol=3 * 3 * 0.18 / 2**8)


def test_the_table_starts_uniform_with_the_spread_that_is_promised():
    table = LARGE.init(jax.random.key(0), jnp.zeros((1,), jnp.int32))["params"]["embedding"]
    assert np.abs(table).max() <= 0.1 * 3**0.5
    # 10,000 draws: their deviation is known to one part in a hundred, the mean to 0.001.
    assert abs(table.std() / 0.1 - 1) < 0.03
    assert abs(table.mean()) < 0.005
