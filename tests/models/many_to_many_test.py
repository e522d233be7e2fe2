import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.core.trees import named_leaves
from seqlab.layers.config import RecurrentConfig
from seqlab.models.many_to_many import Aligned, ManyToMany
from tests.contracts.cases import jit

B, T, V, F, H = 3, 5, 7, 4, 6
IDS = jax.random.randint(jax.random.key(1), (B, T), 0, V)
LENGTHS = jnp.array([5, 0, 2])
KEY = jax.random.key(2)

for_tied_and_untied = pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])


def model_of(tied=False, num_classes=V, **recurrent) -> Any:
    config = RecurrentConfig("gru", H, num_layers=2, **recurrent)
    return ManyToMany(V, num_classes, F, config, tied_embeddings=tied)


@functools.cache
def params_of(tied=False):
    """Params without a zero in them: a bias that is ignored would pass with those that it starts from."""
    shapes = jax.eval_shape(lambda: model_of(tied).init(KEY, IDS[:, :1])["params"])
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(0.5 * rng.standard_normal(leaf.shape), leaf.dtype), shapes)


@functools.cache
def runner(tied, dropout):
    """One program for all lengths and ids of a shape."""

    def run(params, ids, rate, **options):
        options |= {"dropout_rate": rate, "rngs": {"dropout": KEY}} if dropout else {}
        return model_of(tied).apply({"params": params}, ids, **options)

    return jit(run)


def apply(params, ids, tied=False, rate=None, **options):
    return runner(tied, rate is not None)(params, ids, rate, **options)


def assert_same(found, expected):
    """Equal trees; the same products of a different program differ by an ulp or two."""
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, rtol=1e-5, atol=1e-6), found, expected)


@for_tied_and_untied
def test_params_have_the_names_and_shapes_that_are_promised(tied):
    shapes = {name: leaf.shape for name, leaf in named_leaves(params_of(tied)).items()}
    layers = {
        f"stack/layers_{number}/cell/{name}": shape
        for number, width in enumerate([F, H])
        for name, shape in [
            ("input_kernel", (width, 3 * H)),
            ("recurrent_kernel", (H, 3 * H)),
            ("bias", (3 * H,)),
            ("recurrent_bias", (H,)),
        ]
    }
    head = (
        {"head/kernel": (H, F), "head/bias": (F,), "head_bias": (V,)}
        if tied
        else {"head/kernel": (H, V), "head/bias": (V,)}
    )
    assert shapes == {"embedding/embedding": (V, F), **layers, **head}


@for_tied_and_untied
def test_the_model_is_its_parts_one_after_the_other(tied):
    params = params_of(tied)
    table, head = params["embedding"]["embedding"], params["head"]
    stack = model_of(tied).recurrent.make()
    outputs, carry, _ = stack.apply({"params": params["stack"]}, table[IDS], lengths=LENGTHS)
    logits = outputs @ head["kernel"] + head["bias"]
    if tied:
        logits = logits @ table.T + params["head_bias"]
    assert_same(apply(params, IDS, tied, lengths=LENGTHS), Aligned(logits, carry))


@for_tied_and_untied
def test_two_windows_with_the_carry_are_one_long_one(tied):
    params = params_of(tied)
    whole = apply(params, IDS, tied)
    first = apply(params, IDS[:, :3], tied)
    second = apply(params, IDS[:, 3:], tied, initial_carry=first.carry)
    assert_same(jnp.concatenate([first.logits, second.logits], axis=1), whole.logits)
    assert_same(second.carry, whole.carry)


def test_it_begins_from_the_carry_that_it_says():
    found = apply(params_of(), IDS, initial_carry=model_of().initialize_carry(KEY, B))
    assert_same(found, apply(params_of(), IDS))


@pytest.mark.parametrize("rate", [None, 0.5], ids=["plain", "dropout"])
def test_what_stands_in_the_padding_changes_neither_logits_nor_carry(rate):
    inside = np.arange(T) < LENGTHS[:, None]
    found, other = (apply(params_of(), jnp.where(inside, IDS, filler), rate=rate, lengths=LENGTHS) for filler in (0, 5))
    np.testing.assert_array_equal(np.asarray(found.logits)[inside], np.asarray(other.logits)[inside])
    jax.tree.map(np.testing.assert_array_equal, found.carry, other.carry)


def test_a_padded_row_gives_what_it_gives_alone():
    found = apply(params_of(), IDS, lengths=LENGTHS)
    alone = apply(params_of(), IDS[2:, :2])
    assert_same(found.logits[2:, :2], alone.logits)
    assert_same(jax.tree.map(lambda leaf: leaf[2:], found.carry), alone.carry)
    assert not any(np.any(leaf[1]) for leaf in jax.tree.leaves(found.carry))


def test_no_logits_see_a_later_input():
    changed = apply(params_of(), IDS.at[:, 3].set((IDS[:, 3] + 1) % V)).logits
    plain = apply(params_of(), IDS).logits
    np.testing.assert_array_equal(changed[:, :3], plain[:, :3])
    assert np.all(np.any(changed[:, 3] != plain[:, 3], axis=-1))


def test_tied_embeddings_share_one_table_that_learns_from_both_sides():
    params, ids = params_of(tied=True), jnp.full((1, 2), 3)
    table = params["embedding"]["embedding"]

    def by_the_model(table):
        return model_of(tied=True).apply({"params": {**params, "embedding": {"embedding": table}}}, ids).logits[..., 1]

    def with_two_tables(read, said):
        outputs = model_of(tied=True).recurrent.make().apply({"params": params["stack"]}, read[ids]).outputs
        features = outputs @ params["head"]["kernel"] + params["head"]["bias"]
        return (features @ said.T + params["head_bias"])[..., 1]

    gradient = jit(jax.grad(lambda table: by_the_model(table).sum()))(table)
    both = jit(jax.grad(lambda *tables: with_two_tables(*tables).sum(), argnums=(0, 1)))(table, table)
    np.testing.assert_allclose(gradient, both[0] + both[1], rtol=1e-5, atol=1e-6)
    assert [np.flatnonzero(np.any(side, axis=1)).tolist() for side in both] == [[3], [1]]


def test_tied_embeddings_need_as_many_classes_as_tokens():
    with pytest.raises(SeqlabError, match="num_classes"):
        model_of(tied=True, num_classes=1).init(KEY, IDS)


def test_more_classes_than_tokens_are_fine_untied():
    logits = jax.eval_shape(lambda: model_of(num_classes=9).init_with_output(KEY, IDS)[0].logits)
    assert logits.shape == (B, T, 9)


def test_dropout_needs_a_rate_and_a_key_and_then_changes_the_logits():
    plain, none, half = (apply(params_of(), IDS, rate=rate).logits for rate in (None, 0.0, 0.5))
    np.testing.assert_array_equal(none, plain)
    assert np.all(np.any(half != plain, axis=-1))


def test_narrow_products_stay_close_and_come_out_in_float32():
    narrow = model_of(precision="bfloat16").apply({"params": params_of()}, IDS)
    wide = apply(params_of(), IDS)
    assert {leaf.dtype for leaf in jax.tree.leaves(narrow)} == {jnp.dtype("float32")}
    assert not np.array_equal(narrow.logits, wide.logits)
    # Sums of 6 products of factors with 8 bits, through two layers.
    np.testing.assert_allclose(narrow.logits, wide.logits, atol=0.05)
