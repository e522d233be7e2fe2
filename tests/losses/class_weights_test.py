import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.losses import softmax_cross_entropy

RNG = np.random.default_rng(0)
LOGITS = jnp.asarray(RNG.standard_normal((6, 3)), jnp.float32)
TARGETS = jnp.asarray([0, 0, 0, 1, 1, 2], jnp.int32)
MASK = jnp.asarray([True, False, True, True, True, True])


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_a_class_of_weight_n_counts_like_n_rows(smoothing):
    weighted = softmax_cross_entropy(LOGITS, TARGETS, MASK, smoothing, jnp.array([1.0, 2.0, 3.0]))
    rows = np.array([0, 2, 3, 3, 4, 4, 5, 5, 5])
    repeated = softmax_cross_entropy(LOGITS[rows], TARGETS[rows], None, smoothing)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-5)


def test_equal_weights_are_none_but_for_a_factor_and_padding_may_be_nan():
    plain = softmax_cross_entropy(LOGITS, TARGETS, MASK)
    poisoned = jnp.where(MASK[:, None], LOGITS, jnp.nan)
    weighted = softmax_cross_entropy(poisoned, TARGETS, MASK, 0.0, jnp.full(3, 0.5))
    np.testing.assert_allclose(np.array(weighted), np.array(plain) / 2, rtol=1e-6)
