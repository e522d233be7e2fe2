"""Encoder, decoder and the search for translations, over cells of every shape of state."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.layers.config import RecurrentConfig
from seqlab.models.encoder_decoder import CONTEXTS, EncoderDecoder
from seqlab.models.translate import BOUNDARY_ID, UNKNOWN_ID, align, shifted, translate

V, T = 7, 4
SOURCES = jnp.array([[2, 3, 4, 5], [5, 2, 6, 6], [3, 6, 6, 6]])
LENGTHS = jnp.array([4, 2, 1])
TARGETS = jnp.array([[2, 3, 4, 1, 0], [5, 1, 0, 0, 0], [6, 6, 2, 3, 1]])
TARGET_LENGTHS = jnp.array([4, 2, 5])
KINDS = [("none", "gru", False), ("additive", "lstm", True), ("multiplicative", "lstm_projected", False)]
for_every_kind = pytest.mark.parametrize(("attention", "cell", "tied"), KINDS)


def model_of(attention, cell, tied=False, **layers):
    recurrent = RecurrentConfig(cell, hidden_size=6, num_layers=2, engine="scan", **layers)
    return EncoderDecoder(8, V, 5, recurrent, attention, tied)


@functools.cache
def params_of(attention, cell, tied):
    model = model_of(attention, cell, tied)
    shapes = jax.eval_shape(lambda key: model.init(key, SOURCES, TARGETS, lengths=LENGTHS), jax.random.key(0))
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.7, leaf.shape), leaf.dtype), shapes["params"])


@functools.cache
def forward(attention, cell, tied):
    model = model_of(attention, cell, tied)

    def run(params, sources, inputs, lengths, target_lengths):
        return model.apply({"params": params}, sources, inputs, lengths=lengths, target_lengths=target_lengths)

    return jax.jit(run)


@for_every_kind
def test_pairs_of_a_batch_do_not_see_each_other_and_attention_sums_to_one(attention, cell, tied):
    run, params = forward(attention, cell, tied), params_of(attention, cell, tied)
    given = SOURCES, shifted(TARGETS), LENGTHS, TARGET_LENGTHS
    found = run(params, *given)
    rolled = run(params, *(jnp.roll(leaf, 1, axis=0) for leaf in given))
    np.testing.assert_allclose(jnp.roll(found.logits, 1, axis=0), rolled.logits, atol=1e-5)
    if attention == "none":
        assert found.weights is None
    else:
        np.testing.assert_allclose(found.weights.sum(axis=-1), 1, atol=1e-5)


@for_every_kind
def test_no_token_is_predicted_from_itself_or_from_those_behind_it(attention, cell, tied):
    run, params = forward(attention, cell, tied), params_of(attention, cell, tied)
    logits = run(params, SOURCES, shifted(TARGETS), LENGTHS, TARGET_LENGTHS).logits
    changed = run(params, SOURCES, shifted(TARGETS.at[:, 2].set(0)), LENGTHS, TARGET_LENGTHS).logits
    np.testing.assert_array_equal(logits[:, :3], changed[:, :3])
    assert np.any(np.abs(logits[:, 3] - changed[:, 3]) > 1e-3)


@for_every_kind
def test_every_token_of_the_source_matters_and_no_padding_does(attention, cell, tied):
    run, params = forward(attention, cell, tied), params_of(attention, cell, tied)
    logits = run(params, SOURCES, shifted(TARGETS), LENGTHS, TARGET_LENGTHS).logits
    for step in range(T):
        changed = run(params, SOURCES.at[:, step].set(7), shifted(TARGETS), LENGTHS, TARGET_LENGTHS).logits
        differs = np.abs(logits - changed).max(axis=(1, 2)) > 1e-4
        np.testing.assert_array_equal(differs, np.asarray(LENGTHS) > step)


@for_every_kind
def test_gradients_reach_all_params(attention, cell, tied):
    run = forward(attention, cell, tied)

    def total(params):
        return jax.nn.log_softmax(run(params, SOURCES, shifted(TARGETS), LENGTHS, TARGET_LENGTHS).logits)[..., 2].sum()

    gradients = jax.jit(jax.grad(total))(params_of(attention, cell, tied))
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
        assert np.isfinite(leaf).all(), jax.tree_util.keystr(path)
        assert np.any(leaf), jax.tree_util.keystr(path)


def log_probability(logits, target):
    """The chain rule over a target, without the unknown token among the candidates."""
    logits = np.array(logits, np.float64)
    logits[:, UNKNOWN_ID] = -np.inf
    log_p = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return sum(log_p[step, token] for step, token in enumerate(target))


def searched(attention, cell, tied, **options):
    model = model_of(attention, cell, tied)
    run = jax.jit(lambda params: translate(model, params, SOURCES, LENGTHS, num_tokens=3, **options))
    return jax.tree.map(np.asarray, run(params_of(attention, cell, tied)))


@for_every_kind
def test_a_wide_beam_finds_the_most_probable_translation_of_each_source(attention, cell, tied):
    run, params = forward(attention, cell, tied), params_of(attention, cell, tied)
    tokens = [token for token in range(V) if token != UNKNOWN_ID]
    others = [token for token in tokens if token != BOUNDARY_ID]
    every = [(BOUNDARY_ID,), *((a, BOUNDARY_ID) for a in others)]
    every += [(a, b, c) for a in others for b in others for c in tokens]
    found = searched(attention, cell, tied, width=V * V)
    for row in range(len(SOURCES)):
        padded = jnp.array([[*target, 0, 0][:3] for target in every])
        repeat = functools.partial(jnp.repeat, repeats=len(every), axis=0)
        rows = repeat(SOURCES[row : row + 1]), shifted(padded), repeat(LENGTHS[row : row + 1])
        logits = run(params, *rows, jnp.array([len(target) for target in every])).logits
        scores = [log_probability(given, target) for given, target in zip(logits, every, strict=True)]
        best = int(np.argmax(scores))
        assert tuple(found.tokens[row, 0, : found.lengths[row, 0]].tolist()) == every[best]
        np.testing.assert_allclose(found.log_probabilities[row, 0], scores[best], rtol=1e-4)


def test_greedy_decoding_takes_the_most_probable_token_at_each_step():
    kind = KINDS[1]
    found = searched(*kind, width=1)
    tokens = jnp.asarray(np.pad(found.tokens[:, 0], ((0, 0), (0, 2))))
    lengths = found.lengths[:, 0]
    logits = np.array(forward(*kind)(params_of(*kind), SOURCES, shifted(tokens), LENGTHS, jnp.asarray(lengths)).logits)
    logits[..., UNKNOWN_ID] = -np.inf
    for row, length in enumerate(lengths.tolist()):
        target = found.tokens[row, 0, :length]
        np.testing.assert_array_equal(logits[row, :length].argmax(axis=-1), target)
        assert BOUNDARY_ID not in target[:-1].tolist()


def test_alignments_are_the_weights_of_teacher_forcing():
    kind = KINDS[2]
    model, params = model_of(*kind), params_of(*kind)
    expected = forward(*kind)(params, SOURCES, shifted(TARGETS), LENGTHS, TARGET_LENGTHS).weights
    found = jax.jit(functools.partial(align, model))(params, SOURCES, TARGETS, LENGTHS)
    for row, (length, target_length) in enumerate(zip(LENGTHS.tolist(), TARGET_LENGTHS.tolist(), strict=True)):
        cut = row, slice(target_length), slice(length)
        np.testing.assert_allclose(found[cut], expected[cut], atol=1e-6)


@pytest.mark.parametrize("attention", CONTEXTS)
def test_layers_seen_from_both_ends_fit_together(attention):
    model = model_of(attention, "vanilla", skip_connections="dense")
    given = jax.eval_shape(lambda key: model.init(key, SOURCES, TARGETS, lengths=LENGTHS), jax.random.key(0))
    assert given["params"]["readout"]["kernel"].shape == (2 * 6 + 2 * 2 * 6, 6)


def test_an_unknown_attention_lists_the_known_ones():
    with pytest.raises(SeqlabError, match="additive, multiplicative, none"):
        model_of("dot", "gru").init(jax.random.key(0), SOURCES, TARGETS, lengths=LENGTHS)
