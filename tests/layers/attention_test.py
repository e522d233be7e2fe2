import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.layers.attention import ATTENTIONS, Attention

B, U, T, H, D = 3, 2, 5, 4, 6
RNG = np.random.default_rng(0)
QUERIES = jnp.asarray(RNG.standard_normal((B, U, H)), jnp.float32)
VALUES = jnp.asarray(RNG.standard_normal((B, T, D)), jnp.float32)
LENGTHS = jnp.array([5, 2, 0])
MASK = jnp.arange(T) < LENGTHS[:, None]
PARAMS = {
    "memory_kernel": jnp.asarray(RNG.standard_normal((D, H)), jnp.float32),
    "query_kernel": jnp.asarray(RNG.standard_normal((H, H)), jnp.float32),
    "bias": jnp.asarray(RNG.standard_normal(H), jnp.float32),
    "score": jnp.asarray(RNG.standard_normal(H), jnp.float32),
}
for_every_attention = pytest.mark.parametrize("kind", ATTENTIONS)


def params_of(kind):
    return PARAMS if kind == "additive" else {"memory_kernel": PARAMS["memory_kernel"]}


def attend(kind, values, params=None):
    module = Attention(kind, query_size=H, memory_size=D)

    def run(params, queries, values):
        bound = module.bind({"params": params})
        return bound(queries, bound.remember(values, MASK))

    return jax.jit(run)(params_of(kind) if params is None else params, QUERIES, values)


@for_every_attention
def test_weights_and_contexts_are_those_of_the_formula(kind):
    found = attend(kind, VALUES)
    queries, values = np.asarray(QUERIES, np.float64), np.asarray(VALUES, np.float64)
    W_m, W_q, b, v = (np.asarray(PARAMS[name]) for name in ("memory_kernel", "query_kernel", "bias", "score"))

    def score(q, m):
        return v @ np.tanh(q @ W_q + m @ W_m + b) if kind == "additive" else q @ (m @ W_m)

    for row, length in enumerate(LENGTHS.tolist()):
        for u in range(U):
            scores = [score(queries[row, u], m) for m in values[row, :length]]
            weights = np.exp(scores) / np.exp(scores).sum() if scores else np.zeros(0)
            np.testing.assert_allclose(found.weights[row, u, :length], weights, atol=1e-6)
            np.testing.assert_allclose(found.context[row, u], weights @ values[row, :length], atol=1e-5)
        assert not np.any(found.weights[row, :, length:])


@for_every_attention
def test_nothing_at_padding_reaches_a_context_or_a_gradient(kind):
    def total(params, values):
        found = attend(kind, values, params)
        return (found.context**2).sum() + (found.weights**2).sum()

    poisoned = jnp.where(MASK[..., None], VALUES, jnp.nan)
    clean, found = (jax.grad(total, argnums=(0, 1))(params_of(kind), values) for values in (VALUES, poisoned))
    for expected, got in zip(jax.tree.leaves(clean), jax.tree.leaves(found), strict=True):
        np.testing.assert_array_equal(expected, got)
    assert not np.any(np.asarray(found[1])[~np.asarray(MASK)])


@for_every_attention
def test_a_module_has_the_params_of_its_formula_and_no_others(kind):
    module = Attention(kind, query_size=H, memory_size=D)
    made = jax.eval_shape(lambda key: module.init(key, VALUES, MASK, method="remember"), jax.random.key(0))["params"]
    assert {name: leaf.shape for name, leaf in made.items()} == {
        name: leaf.shape for name, leaf in params_of(kind).items()
    }


def test_an_unknown_attention_lists_the_known_ones():
    with pytest.raises(SeqlabError, match="additive, multiplicative"):
        Attention("dot", query_size=H, memory_size=D)
