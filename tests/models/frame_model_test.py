import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.layers.config import RecurrentConfig
from seqlab.models.frame_model import FrameModel, sample_frames

MODEL = FrameModel(num_keys=6, embedding_size=5, recurrent=RecurrentConfig("gru", hidden_size=7, engine="scan"))
INPUTS = jnp.asarray(np.random.default_rng(0).integers(0, 2, (3, 4, 6)), jnp.float32)


@functools.cache
def params():
    shapes = jax.eval_shape(lambda: MODEL.init(jax.random.key(0), INPUTS))["params"]
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.7, leaf.shape), leaf.dtype), shapes)


@functools.cache
def applied():
    given = {"params": params()}
    return jax.jit(lambda inputs, **options: MODEL.apply(given, inputs, **options))


def step(carry, frames):
    logits, carry = applied()(frames[:, None], initial_carry=carry)
    return logits[:, 0], carry


def test_padding_changes_nothing_and_a_frame_says_nothing_of_those_before():
    whole = applied()(INPUTS, lengths=jnp.array([4, 2, 3])).logits
    spoilt = applied()(INPUTS.at[1, 2:].set(jnp.nan), lengths=jnp.array([4, 2, 3])).logits
    np.testing.assert_array_equal(spoilt[1, :2], whole[1, :2])
    later = applied()(INPUTS.at[:, 3].set(1 - INPUTS[:, 3]), lengths=jnp.array([4, 4, 4])).logits
    np.testing.assert_allclose(later[:, :3], applied()(INPUTS, lengths=jnp.array([4, 4, 4])).logits[:, :3], atol=1e-6)


def sampled(num_frames, temperature=1.0, rows=3):
    logits, carry = applied()(INPUTS)
    first = jnp.tile(logits[:1, -1], (rows, 1))
    carry = jax.tree.map(lambda leaf: jnp.tile(leaf[:1], (rows, 1)), carry)
    key = jax.random.key(3)
    return first, np.asarray(sample_frames(step, first, carry, key, num_frames, temperature=temperature))


def test_a_longer_sample_begins_with_the_shorter_one():
    np.testing.assert_array_equal(sampled(5)[1][:, :2], sampled(2)[1])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_first_frames_are_drawn_with_the_probabilities_of_the_keys(temperature):
    logits, drawn = sampled(1, temperature, rows=4000)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_allclose(drawn[:, 0].mean(axis=0), jax.nn.sigmoid(logits[0] / temperature), atol=0.04)


def test_without_temperature_the_more_probable_keys_are_taken_and_read_again():
    logits, drawn = sampled(3, 0.0)
    np.testing.assert_array_equal(drawn[:, 0], logits > 0)
    read = jnp.concatenate([jnp.tile(INPUTS[:1], (3, 1, 1)), jnp.asarray(drawn[:, :2])], axis=1)
    np.testing.assert_array_equal(drawn[:, 2], applied()(read).logits[:, -1] > 0)
