"""Rows are brought to mean 0 and variance 1, each by itself."""

import hypothesis.extra.numpy as hnp
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqlab.cells.normalization import normalize

rows = hnp.arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32))


@given(rows)
def test_each_row_has_mean_zero_and_the_variance_that_epsilon_leaves(x):
    found = np.asarray(normalize(jnp.asarray(x), epsilon=0.1), np.float64)
    variance = x.astype(np.float64).var(axis=1)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(found.var(axis=1), variance / (variance + 0.1), atol=1e-4)


def test_a_row_does_not_see_the_others():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((3, 4)), jnp.float32)
    apart = jnp.concatenate([normalize(x[row : row + 1], 1e-5) for row in range(3)])
    np.testing.assert_allclose(normalize(x, 1e-5), apart, rtol=1e-6)
