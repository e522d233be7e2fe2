from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.metrics import compute, merge
from seqlab.metrics.classification import best_threshold, class_ratios, confusion_matrix, with_macro_f1

NAMES = ["a", "b", "c"]
rows = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), min_size=1, max_size=12)


def columns(drawn):
    predicted, targets, exists = (np.array(column) for column in zip(*drawn, strict=True))
    return jnp.asarray(predicted, jnp.int32), jnp.asarray(targets, jnp.int32), jnp.asarray(exists)


@given(rows)
@settings(max_examples=25)
def test_the_confusion_matrix_counts_every_row_that_exists_once(drawn):
    predicted, targets, exists = columns(drawn)
    counts = np.asarray(confusion_matrix(predicted, targets, 3, exists))
    for target in range(3):
        for called in range(3):
            assert counts[target, called] == sum(row == (called, target, True) for row in drawn)


@given(rows)
@settings(max_examples=25)
def test_ratios_are_those_of_counting_and_their_halves_merge(drawn):
    predicted, targets, exists = columns(drawn)
    halves = [
        class_ratios(confusion_matrix(predicted[part], targets[part], 3, exists[part]), NAMES)
        for part in (slice(None, len(drawn) // 2), slice(len(drawn) // 2, None))
    ]
    found = compute(merge(*halves))
    kept = [(called, target) for called, target, exist in drawn if exist]
    for index, name in enumerate(NAMES):
        true_positive = sum(called == target == index for called, target in kept)
        called_so = sum(called == index for called, _ in kept)
        actual = sum(target == index for _, target in kept)
        true_negative = sum(called != index and target != index for called, target in kept)
        expected = {
            "precision": (true_positive, called_so),
            "recall": (true_positive, actual),
            "specificity": (true_negative, len(kept) - actual),
            "f1": (2 * true_positive, called_so + actual),
        }
        for ratio, (above, below) in expected.items():
            assert found[f"{ratio}_{name}"] == pytest.approx(above / below if below else 0.0)
    macro = with_macro_f1(found, NAMES)["macro_f1"]
    assert macro == pytest.approx(sum(found[f"f1_{name}"] for name in NAMES) / 3)


def macro_f1_at(threshold, probabilities, targets):
    predicted = jnp.asarray(probabilities >= threshold, jnp.int32)
    counts = confusion_matrix(predicted, jnp.asarray(targets, jnp.int32), 2)
    return with_macro_f1(compute(class_ratios(counts, "ab")), "ab")["macro_f1"]


@given(st.lists(st.tuples(st.integers(0, 6).map(lambda n: n / 8), st.integers(0, 1)), min_size=2, max_size=12))
@settings(max_examples=25)
def test_no_threshold_between_two_probabilities_is_better_than_the_best(drawn):
    probabilities, targets = (np.array(column) for column in zip(*drawn, strict=True))
    best = macro_f1_at(best_threshold(probabilities, targets), probabilities, targets)
    levels = np.unique(probabilities)
    for low, high in pairwise(levels.tolist()):
        assert macro_f1_at((low + high) / 2, probabilities, targets) <= best + 1e-6


def test_rows_that_cannot_be_told_apart_have_the_usual_threshold():
    assert best_threshold(np.array([0.3, 0.3, 0.3]), np.array([0, 1, 1])) == 0.5
    assert best_threshold(np.array([0.3]), np.array([1])) == 0.5
