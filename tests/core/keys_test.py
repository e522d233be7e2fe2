"""Keys are pure functions of seed, step and purpose."""

import jax
import numpy as np

from seqlab.core.keys import at_step, for_purpose


def words(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_each_step_and_each_purpose_has_a_key_of_its_own():
    root = jax.random.key(0)
    keys = [for_purpose(at_step(root, step), purpose) for step in range(3) for purpose in ("dropout", "noise", "data")]
    assert len({words(key) for key in [root, *keys]}) == 10


def test_a_key_does_not_depend_on_the_process_or_on_earlier_calls():
    # The value itself: a hash that is salted by process, or another order of folding, would break resumed runs.
    key = for_purpose(at_step(jax.random.key(0), 5), "dropout")
    assert words(key) == words(jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 5), 0x9289EFC9))


def test_a_traced_step_gives_the_key_of_that_step():
    traced = jax.jit(lambda step: jax.random.key_data(at_step(jax.random.key(1), step)))(7)
    assert tuple(np.asarray(traced).tolist()) == words(at_step(jax.random.key(1), 7))
