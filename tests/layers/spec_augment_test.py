import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import SeqlabError
from seqlab.layers.spec_augment import SpecAugmentConfig, spec_augment, stretches
from tests.contracts.cases import jit


def masked(inputs, lengths, seed, **config):
    augment = jit(functools.partial(spec_augment, config=SpecAugmentConfig(**config)))
    return np.asarray(augment(inputs, jnp.asarray(lengths), jax.random.key(seed)))


def test_only_whole_frames_and_whole_bands_are_set_to_zero_alike_for_a_key_and_otherwise_for_each_row():
    inputs = np.random.default_rng(0).uniform(1, 2, (64, 40, 8)).astype(np.float32)
    options = {"time_masks": 2, "time_mask_width": 6, "frequency_masks": 1, "frequency_mask_width": 3}
    augment = jit(functools.partial(spec_augment, config=SpecAugmentConfig(**options)))
    first, again, other = (np.asarray(augment(inputs, jnp.full(64, 40), jax.random.key(seed))) for seed in (1, 1, 2))
    hidden = first == 0
    np.testing.assert_array_equal(first[~hidden], inputs[~hidden])
    frames, bands = hidden.all(axis=2, keepdims=True), hidden.all(axis=1, keepdims=True)
    np.testing.assert_array_equal(hidden, frames | bands)
    assert 0 < frames.mean() < 2 * 6 / 40
    assert 0 < bands.mean() < 3 / 8
    np.testing.assert_array_equal(first, again)
    assert ((other == 0) != hidden).any()
    assert len(np.unique(hidden, axis=0)) > 50


def test_padding_does_not_change_what_is_masked_and_time_masks_lie_within_the_sequence():
    lengths, options = [20, 11, 4, 0], {"time_masks": 3, "time_mask_width": 5}
    long, short = (masked(np.ones((4, size, 2), np.float32), lengths, 2, **options) for size in (40, 20))
    np.testing.assert_array_equal(long[:, :20], short)
    assert (short == 0).any()
    assert all((row[length:] == 1).all() for row, length in zip(long, lengths, strict=True))


def test_every_width_and_every_place_comes_equally_often():
    number = 20000
    draw = jit(functools.partial(stretches, number=1, num_places=12))
    hidden = np.asarray(draw(jax.random.key(5), longest=jnp.full(number, 4), sizes=jnp.full(number, 10)))
    widths = hidden.sum(axis=1)
    # Five standard deviations of a count: 5 sqrt(n p (1 - p)).
    np.testing.assert_allclose(np.bincount(widths, minlength=5), number / 5, atol=300)
    starts = hidden.argmax(axis=1)[widths == 4]
    np.testing.assert_allclose(np.bincount(starts, minlength=7), len(starts) / 7, atol=125)
    assert not hidden[:, 10:].any()


def test_a_mask_covers_a_fifth_of_the_steps_and_all_bands_at_most():
    options = {"time_masks": 1, "time_mask_width": 100, "frequency_masks": 1, "frequency_mask_width": 100}
    hidden = masked(np.ones((500, 40, 3), np.float32), np.full(500, 23), 6, **options) == 0
    bands = hidden.all(axis=1).sum(axis=1)
    assert set(bands.tolist()) == {0, 1, 2, 3}
    assert set(hidden.all(axis=2).sum(axis=1)[bands < 3].tolist()) == {0, 1, 2, 3, 4}


def test_wrong_numbers_are_refused():
    for options in ({"time_masks": -1}, {"frequency_mask_width": 0}):
        with pytest.raises(SeqlabError, match="at least"):
            SpecAugmentConfig(**options)
