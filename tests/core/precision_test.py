"""Narrow factors, wide sums."""

import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.core.precision import PRECISIONS, dot, product_dtype


def test_without_a_narrow_type_the_product_is_exact():
    np.testing.assert_array_equal(dot(jnp.array([[1.0 + 2**-20]]), jnp.ones((1, 1))), [[1.0 + 2**-20]])


def test_factors_are_rounded_and_the_result_has_the_kernel_s_type():
    # 1 + 2^-9 is halfway between two neighbours in bfloat16, and rounds to the even one, 1.
    product = dot(jnp.full((1, 1), 1.0 + 2**-9), jnp.full((1, 1), 3.0), jnp.bfloat16)
    assert product.dtype == jnp.float32
    np.testing.assert_array_equal(product, [[3.0]])


def test_sums_are_accumulated_in_the_kernel_s_type():
    # In bfloat16 the sum would stop growing at 256, where a step of 1 is lost.
    product = dot(jnp.ones((1, 1000)), jnp.ones((1000, 1)), jnp.bfloat16)
    np.testing.assert_array_equal(product, [[1000.0]])


def test_precisions_are_known_by_name():
    assert product_dtype("float32") is None
    assert product_dtype("bfloat16") == jnp.bfloat16
    with pytest.raises(SeqlabError, match=r"unknown precision 'bf16'.* Known: bfloat16, float32"):
        product_dtype("bf16")
    assert set(PRECISIONS) == {"float32", "bfloat16"}
