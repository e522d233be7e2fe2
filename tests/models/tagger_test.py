import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.layers.config import RecurrentConfig
from seqlab.models.tagger import Tagger
from tests.contracts.cases import jit

NUM_TAGS, WIDTH = 3, 5


def tagger_of(char_encoder="convolutional", output_layer="crf"):
    recurrent = RecurrentConfig("vanilla", 4, bidirectional=True, engine="scan")
    return Tagger(9, 7, NUM_TAGS, 3, 4, char_encoder, output_layer, recurrent)


def inputs_of(rows=2, steps=4):
    rng = np.random.default_rng(0)
    words, characters = rng.integers(1, 9, (rows, steps, 1)), rng.integers(1, 8, (rows, steps, WIDTH))
    return jnp.asarray(np.concatenate([words, characters], axis=-1), jnp.int32)


def params_of(model):
    shapes = jax.eval_shape(model.init, jax.random.key(0), inputs_of())
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype), shapes)


def applier(model):
    params = params_of(model)
    return jit(lambda inputs, lengths: model.apply(params, inputs, lengths=lengths))


def test_padding_of_words_and_characters_changes_nothing():
    run, inputs, lengths = applier(tagger_of()), inputs_of(), jnp.array([4, 2])
    chain = run(inputs, lengths)
    other = run(inputs.at[1, 2:].set(3), lengths)
    np.testing.assert_array_equal(other.emissions[0], chain.emissions[0])
    np.testing.assert_array_equal(other.emissions[1, :2], chain.emissions[1, :2])
    alone = applier(tagger_of())(inputs[1:, :2], lengths[1:])
    np.testing.assert_allclose(alone.emissions[0], chain.emissions[1, :2], rtol=1e-5, atol=1e-6)


def test_a_word_s_scores_hang_on_the_words_on_both_sides():
    run, inputs, lengths = applier(tagger_of("none")), inputs_of(), jnp.array([4, 4])
    emissions = run(inputs, lengths).emissions
    for changed in (0, 3):
        other = run(inputs.at[:, changed, 0].set(0), lengths).emissions
        assert (other[:, 1] != emissions[:, 1]).any()


def test_without_an_encoder_characters_are_not_read_and_have_no_params():
    model = tagger_of("none")
    run, inputs, lengths = applier(model), inputs_of(), jnp.array([4, 4])
    np.testing.assert_array_equal(run(inputs.at[..., 1:].set(1), lengths).emissions, run(inputs, lengths).emissions)
    assert "characters" not in params_of(model)["params"]


def test_a_softmax_has_no_transitions_and_a_crf_learns_them():
    inputs, lengths = inputs_of(), jnp.array([4, 4])
    assert not any(leaf.any() for leaf in applier(tagger_of("none", "softmax"))(inputs, lengths).transitions)
    crf = tagger_of("none")
    transitions = applier(crf)(inputs, lengths).transitions
    np.testing.assert_array_equal(transitions.between, params_of(crf)["params"]["between"])
    assert transitions.between.shape == (NUM_TAGS, NUM_TAGS)


def test_an_unknown_output_layer_is_refused():
    with pytest.raises(SeqlabError, match="unknown output layer 'cfr'; did you mean 'crf'"):
        params_of(tagger_of(output_layer="cfr"))
