import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.metrics.accumulate import Mean
from seqlab.metrics.frames import expected_frame_accuracy, frame_accuracy


def random_case(seed=0, shape=(4, 6, 5)):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, shape).astype(np.float32)
    return rng.random(shape, np.float32), targets, rng.integers(0, 2, shape[:-1]).astype(bool)


def test_frame_accuracy_is_hits_over_hits_and_both_kinds_of_errors():
    probabilities, targets, mask = random_case()
    predicted, exists = probabilities > 0.5, mask[..., None]
    hit, false, missed = (
        (what & exists).sum()
        for what in (predicted & (targets == 1), predicted & (targets == 0), ~predicted & (targets == 1))
    )
    found = frame_accuracy(*map(jnp.asarray, (probabilities, targets, mask))).compute()
    assert found == pytest.approx(hit / (hit + false + missed), rel=1e-6)


def test_the_expected_accuracy_is_the_ratio_of_the_mean_counts_of_drawn_frames():
    probabilities, targets, _ = random_case(1, (2, 3))
    drawn = np.random.default_rng(0).random((40_000, 2, 3)) < probabilities
    hit = (drawn & (targets == 1)).sum() / 40_000
    every = (drawn | (targets == 1)).sum() / 40_000
    found = expected_frame_accuracy(jnp.asarray(probabilities), jnp.asarray(targets)).compute()
    assert found == pytest.approx(hit / every, abs=0.01)


@pytest.mark.parametrize("metric", [frame_accuracy, expected_frame_accuracy])
def test_parts_add_up_to_the_whole_and_padding_may_hold_anything(metric):
    probabilities, targets, mask = map(jnp.asarray, random_case())
    whole = metric(probabilities, targets, mask)
    spoilt = jnp.where(mask[..., None], probabilities, jnp.nan)
    parts = [metric(spoilt[rows], targets[rows], mask[rows]) for rows in (slice(0, 1), slice(1, 4))]
    assert Mean.merge(*parts).compute() == pytest.approx(whole.compute(), rel=1e-6)
    assert metric(targets, targets, mask).compute() == 1.0
