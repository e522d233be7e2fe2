"""CTC against the sum over all paths, which is the specification."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import DataError
from seqlab.losses.ctc import check_labelling, ctc_nats, ctc_negative_log_likelihood, frames_needed
from tests.contracts.cases import jit

STEPS, CLASSES, MOST = 4, 3, 4
nats_of, loss_of = jit(ctc_nats), jit(ctc_negative_log_likelihood)
gradient_of = jit(jax.grad(lambda logits, *rest: ctc_negative_log_likelihood(logits, *rest).total))


def merged(path):
    return tuple(label for label, _ in itertools.groupby(path) if label)


def probability(logits, labels):
    """The sum over all paths of one row that collapse to the labels."""
    probs = np.asarray(jax.nn.softmax(logits), np.float64)
    paths = itertools.product(range(CLASSES), repeat=len(probs))
    return sum(
        np.prod([row[c] for row, c in zip(probs, path, strict=True)]) for path in paths if merged(path) == labels
    )


def case(seed, lengths, labellings):
    logits = np.random.default_rng(seed).normal(0, 1.5, (len(lengths), STEPS, CLASSES))
    targets = np.zeros((len(lengths), MOST), np.int32)
    for row, labels in enumerate(labellings):
        targets[row, : len(labels)] = labels
    sizes = (jnp.array(lengths, jnp.int32), jnp.array([len(labels) for labels in labellings], jnp.int32))
    return jnp.asarray(logits, jnp.float32), jnp.asarray(targets), *sizes


LABELLINGS = st.lists(st.integers(1, CLASSES - 1), max_size=MOST).map(tuple)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), length=st.integers(1, STEPS), labels=LABELLINGS)
def test_the_loss_is_the_sum_over_all_paths(seed, length, labels):
    logits, *rest = case(seed, [length, STEPS], [labels, (1,)])
    found = nats_of(logits, *rest)
    if frames_needed(labels) <= length:
        assert float(found[0]) == pytest.approx(-np.log(probability(logits[0, :length], labels)), rel=1e-4, abs=1e-5)
    else:
        assert probability(logits[0, :length], labels) == 0
        assert found[0] > 1e4


def test_probabilities_of_all_labellings_sum_to_one():
    every = [labels for size in range(STEPS + 1) for labels in itertools.product((1, 2), repeat=size)]
    possible = [labels for labels in every if frames_needed(labels) <= STEPS]
    logits, total = case(3, [STEPS], [()])[0], 0.0
    for labels in possible:
        _, *rest = case(0, [STEPS, STEPS], [labels, ()])
        total += float(jnp.exp(-nats_of(jnp.concatenate([logits, logits]), *rest)[0]))
    assert total == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("filling", [np.nan, np.inf, 50.0])
def test_padding_changes_neither_the_loss_nor_its_gradient_and_has_none(filling):
    logits, targets, lengths, sizes = case(1, [3, 0], [(1, 1), (2,)])
    padding = np.arange(STEPS) >= np.asarray(lengths)[:, None]
    dirty = jnp.where(padding[..., None], filling, logits)
    behind = jnp.asarray(np.where(np.arange(MOST) < np.asarray(sizes)[:, None], targets, 77))
    clean, found = (loss_of(*given) for given in ((logits, targets, lengths, sizes), (dirty, behind, lengths, sizes)))
    assert (float(found.total), float(found.weight)) == (float(clean.total), 1.0)
    gradient = np.asarray(gradient_of(dirty, behind, lengths, sizes))
    np.testing.assert_array_equal(gradient, gradient_of(logits, targets, lengths, sizes))
    assert (gradient[padding] == 0).all()
    assert (np.abs(gradient[~padding]).max(axis=-1) > 1e-4).all()


def test_labellings_without_a_path_are_refused_with_their_place():
    check_labelling([1, 1, 2], 4, 3, "a.tsv:3")
    check_labelling([], 0, 3, "a.tsv:4")
    with pytest.raises(DataError, match=r"a.tsv:3: expected at least 4 frames for its 3 labels.*found 3"):
        check_labelling([1, 1, 2], 3, 3, "a.tsv:3")
    for labels in ([0, 1], [1, 3], [-1]):
        with pytest.raises(DataError, match=r"b:1: expected labels in \[1, 2\]"):
            check_labelling(labels, 9, 3, "b:1")
