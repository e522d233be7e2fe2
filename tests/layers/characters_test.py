import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.layers.characters import CharacterEncoder
from tests.contracts.cases import jit

WIDTH = 6
for_both_kinds = pytest.mark.parametrize("kind", ["recurrent", "convolutional"])


def encoder_of(kind):
    encoder = CharacterEncoder(kind, num_characters=9, features=4)
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), jnp.zeros((1, 1, WIDTH), jnp.int32))
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype), shapes)
    return jit(lambda characters: encoder.apply(params, characters))


@for_both_kinds
def test_a_word_s_vector_is_its_own_whatever_stands_beside_it_and_how_wide_the_rows_are(kind):
    encode = encoder_of(kind)
    words = jnp.array([[[3, 1, 0, 0, 0, 0], [9, 8, 7, 6, 5, 4]], [[0] * WIDTH, [3, 0, 0, 0, 0, 0]]])
    vectors = encode(words)
    assert vectors.shape == (2, 2, 4)
    assert not vectors[1, 0].any()
    assert not np.allclose(vectors[0, 0], vectors[1, 1])
    np.testing.assert_allclose(encode(words[:1, :1, :3])[0, 0], vectors[0, 0], rtol=1e-5)


@for_both_kinds
def test_the_order_of_characters_matters(kind):
    ahead, back = encoder_of(kind)(jnp.array([[[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]]]))[0]
    assert not np.allclose(ahead, back)


def test_both_ends_of_a_word_reach_the_recurrent_vector():
    words = jnp.array([[[1, 2, 3, 4, 0, 0], [9, 2, 3, 4, 0, 0], [1, 2, 3, 9, 0, 0]]])
    whole, other_first, other_last = encoder_of("recurrent")(words)[0]
    assert (whole != other_first).all()
    assert (whole != other_last).all()


def test_an_unknown_kind_is_refused():
    with pytest.raises(SeqlabError, match="unknown character encoder 'convolution'; did you mean 'convolutional'"):
        encoder_of("convolution")
