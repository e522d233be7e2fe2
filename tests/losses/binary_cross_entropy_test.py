import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.losses import binary_cross_entropy, softmax_cross_entropy


def random_case(seed, shape=(3, 4, 5)):
    rng = np.random.default_rng(seed)
    logits = jnp.asarray(rng.normal(0, 3, shape), jnp.float32)
    targets = jnp.asarray(rng.integers(0, 2, shape), jnp.float32)
    return logits, targets, jnp.asarray(rng.integers(0, 2, shape[:-1]), bool)


@given(seed=st.integers(0, 1000))
def test_it_is_minus_the_log_probability_of_independent_keys(seed):
    logits, targets, mask = random_case(seed)
    p = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    nats = -np.log(np.where(np.asarray(targets) == 1, p, 1 - p)).sum(axis=-1)
    total, weight = binary_cross_entropy(logits, targets, mask)
    assert float(total) == pytest.approx(nats[np.asarray(mask)].sum(), rel=1e-5, abs=1e-6)
    assert float(weight) == float(mask.sum())


def test_of_one_key_it_is_the_softmax_over_two_logits():
    logits, targets, _ = random_case(0, (7, 1))
    two = jnp.concatenate([jnp.zeros_like(logits), logits], axis=-1)
    for smoothing in (0.0, 0.3):
        expected = softmax_cross_entropy(two, targets[:, 0].astype(int), label_smoothing=smoothing)
        found = binary_cross_entropy(logits, targets, label_smoothing=smoothing)
        assert float(found.total) == pytest.approx(float(expected.total), rel=1e-5)


def test_padding_changes_neither_values_nor_gradients():
    logits, targets, mask = random_case(1)

    def loss(logits, targets):
        total, weight = binary_cross_entropy(logits, targets, mask)
        return total / weight

    clean = jax.value_and_grad(loss)(logits, targets)
    spoilt = [jnp.where(mask[..., None], values, jnp.nan) for values in (logits, targets)]
    found = jax.value_and_grad(loss)(*spoilt)
    jax.tree.map(np.testing.assert_array_equal, found, clean)


def test_certain_logits_cost_what_they_are_and_nothing_overflows():
    total, _ = binary_cross_entropy(jnp.array([[200.0, -200.0, 200.0]]), jnp.array([[1.0, 0.0, 0.0]]))
    assert float(total) == pytest.approx(200.0)


def test_a_missed_positive_counts_as_often_as_it_is_weighted():
    logits, targets, _ = random_case(2)
    plain, heavy = (float(binary_cross_entropy(logits, targets, positive_weight=w).total) for w in (1.0, 3.0))
    of_positives = float(jnp.where(targets > 0, jax.nn.softplus(-logits), 0.0).sum())
    assert heavy - plain == pytest.approx(2 * of_positives, rel=1e-5)
