import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.losses import softmax_cross_entropy

B, T, V = 3, 4, 5
RNG = np.random.default_rng(0)
LOGITS = jnp.asarray(3 * RNG.standard_normal((B, T, V)), jnp.float32)
TARGETS = jnp.asarray(RNG.integers(V, size=(B, T)), jnp.int32)
MASK = jnp.asarray(RNG.integers(2, size=(B, T)), bool)
ALL = jnp.ones((B, T), bool)

# A mask and a smoothing that do nothing are the same as none: see the test of that name.
loss = jax.jit(softmax_cross_entropy)
loss_and_gradient = jax.jit(jax.value_and_grad(lambda *args: softmax_cross_entropy(*args).total))

masks = st.lists(st.booleans(), min_size=B * T, max_size=B * T).map(lambda flags: np.array(flags).reshape(B, T))
smoothings = st.floats(0, 0.875, width=32)


@given(mask=masks)
@settings(max_examples=20)
def test_it_is_optax_s_cross_entropy_summed_over_the_mask(mask):
    total, weight = loss(LOGITS, TARGETS, mask, 0.0)
    each = optax.softmax_cross_entropy_with_integer_labels(LOGITS, TARGETS)
    np.testing.assert_allclose(total, np.where(mask, each, 0).sum(), rtol=1e-5)
    assert float(weight) == mask.sum()


@given(smoothing=smoothings, mask=masks)
@settings(max_examples=20)
def test_label_smoothing_is_the_cross_entropy_with_explicit_q(smoothing, mask):
    total, weight = loss(LOGITS, TARGETS, mask, smoothing)
    q = (1 - smoothing) * np.eye(V)[np.asarray(TARGETS)] + smoothing / V
    each = -(q * np.asarray(jax.nn.log_softmax(LOGITS))).sum(axis=-1)
    np.testing.assert_allclose(total, each[mask].sum(), rtol=1e-5)
    assert float(weight) == mask.sum()


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_gradient_is_the_softmax_less_q_where_the_mask_holds(smoothing):
    _, gradient = loss_and_gradient(LOGITS, TARGETS, MASK, smoothing)
    q = (1 - smoothing) * jax.nn.one_hot(TARGETS, V) + smoothing / V
    expected = np.where(MASK[..., None], jax.nn.softmax(LOGITS) - q, 0)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def test_no_mask_is_a_mask_of_all_and_a_plain_zero_of_smoothing_a_traced_one():
    plain = softmax_cross_entropy(LOGITS, TARGETS)
    for other in (softmax_cross_entropy(LOGITS, TARGETS, ALL), loss(LOGITS, TARGETS, ALL, 0.0)):
        np.testing.assert_allclose(other, plain, rtol=1e-6)
    assert plain.weight == B * T


@pytest.mark.parametrize("junk", [np.nan, np.inf, -np.inf, 1e30])
def test_padding_reaches_neither_value_nor_gradient(junk):
    logits = jnp.where(MASK[..., None], LOGITS, junk)
    targets = jnp.where(MASK, TARGETS, -7)
    expected, expected_gradient = loss_and_gradient(LOGITS, TARGETS, MASK, 0.1)
    total, gradient = loss_and_gradient(logits, targets, MASK, 0.1)
    assert total == expected
    np.testing.assert_array_equal(gradient, expected_gradient)
    assert not np.any(np.asarray(gradient)[~np.asarray(MASK)])


def test_an_empty_mask_gives_nothing_and_no_gradient():
    total, weight = loss(LOGITS, TARGETS, ~ALL, 0.1)
    assert (float(total), float(weight)) == (0, 0)
    assert not np.any(loss_and_gradient(LOGITS * jnp.nan, TARGETS, ~ALL, 0.1)[1])


@given(cut=st.integers(0, B), smoothing=smoothings)
@settings(max_examples=10)
def test_totals_and_weights_of_parts_add_up_to_those_of_the_whole(cut, smoothing):
    whole = loss(LOGITS, TARGETS, MASK, smoothing)
    parts = [loss(LOGITS[rows], TARGETS[rows], MASK[rows], smoothing) for rows in (slice(cut), slice(cut, None))]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-5)


@given(shift=st.floats(-1e4, 1e4, width=32))
@settings(max_examples=10)
def test_a_constant_added_to_logits_changes_nothing(shift):
    # A logit near 1e4 is rounded to 0.001; the sum is over 12 of them.
    np.testing.assert_allclose(loss(LOGITS + shift, TARGETS, ALL, 0.2), loss(LOGITS, TARGETS, ALL, 0.2), atol=0.02)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_extreme_logits_stay_finite(smoothing):
    logits = jnp.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]])
    targets = jnp.array([0, 1, 2])
    total, gradient = loss_and_gradient(logits, targets, jnp.ones(3, bool), smoothing)
    first_two = (1 - smoothing) * 2e4 + 2 * smoothing * 1e4
    np.testing.assert_allclose(total, first_two + np.log(3), rtol=1e-5)
    assert np.isfinite(gradient).all()


def test_a_forbidden_class_costs_nothing_while_it_is_no_target():
    logits = LOGITS.at[..., 0].set(-jnp.inf)
    targets = jnp.maximum(TARGETS, 1)
    total, weight = softmax_cross_entropy(logits, targets)
    np.testing.assert_allclose(total, softmax_cross_entropy(LOGITS[..., 1:], targets - 1).total, rtol=1e-5)
    gradient = jax.grad(lambda logits: softmax_cross_entropy(logits, targets).total)(logits)
    assert np.isfinite(gradient).all()
    assert weight == B * T


def test_axes_before_the_last_are_free():
    whole = softmax_cross_entropy(LOGITS, TARGETS)
    np.testing.assert_allclose(softmax_cross_entropy(LOGITS.reshape(-1, V), TARGETS.reshape(-1)), whole, rtol=1e-6)
    one = softmax_cross_entropy(LOGITS[0, 0], TARGETS[0, 0])
    np.testing.assert_allclose(one.total, -jax.nn.log_softmax(LOGITS[0, 0])[TARGETS[0, 0]], rtol=1e-5)
    assert one.weight == 1
