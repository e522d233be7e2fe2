from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.layers.pooling import POOLINGS, Pooling
from tests.contracts.cases import jit

B, T, H = 4, 6, 4
RNG = np.random.default_rng(0)
LENGTHS = jnp.array([6, 3, 1, 0])
MASK = jnp.arange(T) < LENGTHS[:, None]
OUTPUTS = jnp.asarray(RNG.standard_normal((B, T, H)), jnp.float32)
PARAMS = {
    "hidden": {
        "kernel": jnp.asarray(RNG.standard_normal((H, 3)), jnp.float32),
        "bias": jnp.asarray(RNG.standard_normal(3), jnp.float32),
    },
    "context": jnp.asarray(RNG.standard_normal(3), jnp.float32),
}
EVERY = [(kind, both) for kind in POOLINGS for both in ((False, True) if kind == "last" else (False,))]
for_every_pooling = pytest.mark.parametrize(("kind", "both"), EVERY)


def pool(kind, both, outputs, lengths):
    module = Pooling(kind, both, attention_size=3)
    variables = {"params": PARAMS} if kind == "attention" else {}
    return jit(lambda outputs, lengths: module.apply(variables, outputs, lengths))(outputs, lengths)


@for_every_pooling
def test_a_row_is_pooled_as_if_it_stood_alone_without_padding(kind, both):
    poisoned = jnp.where(MASK[..., None], OUTPUTS, jnp.nan)
    together = pool(kind, both, poisoned, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()[:3]):
        alone = pool(kind, both, OUTPUTS[row : row + 1, :length], None)
        np.testing.assert_allclose(together.summary[row], alone.summary[0], atol=1e-6)
        np.testing.assert_allclose(together.weights[row, :length], alone.weights[0], atol=1e-6)


@for_every_pooling
def test_weights_sum_to_one_over_the_steps_that_exist_and_a_row_of_length_0_is_zero(kind, both):
    summary, weights = pool(kind, both, OUTPUTS, LENGTHS)
    np.testing.assert_allclose(weights.sum(axis=1), [1, 1, 1, 0], atol=1e-6)
    assert not np.asarray(weights)[~np.asarray(MASK)].any()
    assert not np.asarray(summary)[3].any()


@for_every_pooling
def test_no_gradient_comes_from_padding_and_none_is_nan(kind, both):
    module = Pooling(kind, both, attention_size=3)

    def total(outputs, params):
        variables = {"params": params} if kind == "attention" else {}
        pooled: Any = module.apply(variables, outputs, LENGTHS)
        return (pooled.summary**2).sum()

    poisoned = jnp.where(MASK[..., None], OUTPUTS, jnp.nan)
    by_outputs, by_params = jit(jax.grad(total, argnums=(0, 1)))(poisoned, PARAMS)
    assert not np.asarray(by_outputs)[~np.asarray(MASK)].any()
    assert np.asarray(by_outputs)[:3, 0].any() or kind == "last"
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((by_outputs, by_params)))


def test_each_pooling_is_what_its_formula_says():
    rows = [np.asarray(OUTPUTS[row, :length]) for row, length in enumerate(LENGTHS.tolist()[:3])]
    hidden = PARAMS["hidden"]
    scores = [np.tanh(row @ np.asarray(hidden["kernel"]) + hidden["bias"]) @ PARAMS["context"] for row in rows]
    attention = [np.exp(score) / np.exp(score).sum() for score in scores]
    expected = {
        "last": [row[-1] for row in rows],
        "mean": [row.mean(axis=0) for row in rows],
        "max": [row.max(axis=0) for row in rows],
        "attention": [weights @ row for weights, row in zip(attention, rows, strict=True)],
    }
    for kind in POOLINGS:
        np.testing.assert_allclose(pool(kind, False, OUTPUTS, LENGTHS).summary[:3], expected[kind], atol=1e-5)
    both = [np.concatenate([row[-1, :2], row[0, 2:]]) for row in rows]
    np.testing.assert_allclose(pool("last", True, OUTPUTS, LENGTHS).summary[:3], both, atol=1e-6)


def test_the_weights_of_the_maximum_are_shares_of_features():
    outputs = jnp.array([[[1.0, 5.0], [3.0, 0.0], [2.0, 1.0]]])
    assert pool("max", False, outputs, None).weights.tolist() == [[0.5, 0.5, 0.0]]


def test_an_unknown_pooling_is_refused():
    with pytest.raises(SeqlabError, match=r"unknown pooling 'maximum'.*Known: attention, last, max, mean"):
        Pooling("maximum")
