"""bfloat16 is for the factors of products alone: state, outputs and gradients stay in float32, and come close."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.engines.fused import supports
from tests.contracts.cases import (
    PAIRS,
    compiled,
    example,
    in_time,
    is_slow,
    jit,
    make,
    quick_if,
    unrolled_from,
    with_gradients,
)

# bfloat16 keeps 8 bits, so a factor is off by at most 2^-9 of itself; sums of nine products, over two steps.
BFLOAT16_TOLERANCE = 0.05


@pytest.mark.parametrize(
    ("cell_name", "engine"),
    [
        # A cell's products are the same on all engines but the fused one, which lays out its own.
        quick_if(not is_slow(name, engine) and (engine == "fused" or not supports(make(name))), name, engine)
        for name, engine in PAIRS
        if "relu" not in name
    ],
)
def test_bfloat16_products_keep_float32_state_and_come_close(cell_name, engine):
    given = in_time(example(cell_name), slice(2))
    cell = make(cell_name, dtype=jnp.bfloat16)
    options = {"engine": engine, "return_all_carries": True}
    found = jit(functools.partial(with_gradients, functools.partial(unrolled_from, cell, **options)))(given)
    expected = compiled(cell_name, engine, False)(given)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.dtype == jnp.float32
        scale = max(1.0, np.abs(other).max())
        np.testing.assert_allclose(one / scale, other / scale, atol=BFLOAT16_TOLERANCE)
    rounded, exact = found[0].outputs, expected[0].outputs
    assert np.abs(rounded - exact).max() > 1e-5, "nothing was rounded"
