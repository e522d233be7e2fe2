"""Searches against all paths: at a tiny size every labelling's probability can be added up."""

import functools
import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.core.errors import SeqlabError
from seqlab.models.ctc_alignment import align_labels
from seqlab.models.ctc_search import best_path, collapse, prefix_beam_search

STEPS, CLASSES = 4, 3
EVERY = 40  # More than there are labellings of four frames.


def frames(seed, steps=STEPS, scale=1.5):
    logits = np.random.default_rng(seed).normal(0, scale, (steps, CLASSES))
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def by_labelling(log_probs):
    """The probability of every labelling, and its most probable path's, by all paths."""
    total, best = defaultdict(float), {}
    for path in itertools.product(range(CLASSES), repeat=len(log_probs)):
        labels = tuple(label for label, _ in itertools.groupby(path) if label)
        log_p = sum(row[c] for row, c in zip(log_probs, path, strict=True))
        total[labels] += np.exp(log_p)
        best[labels] = max(best.get(labels, (-np.inf, path)), (log_p, path))
    return total, best


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), steps=st.integers(0, STEPS))
def test_a_beam_of_full_width_has_every_labelling_with_its_probability(seed, steps):
    total, _ = by_labelling(frames(seed, steps))
    found = prefix_beam_search(frames(seed, steps), EVERY)
    assert {one.labels for one in found} == set(total)
    assert found[0].labels == max(total, key=lambda labels: total[labels])
    for one in found:
        assert np.exp(one.log_probability) == pytest.approx(total[one.labels], rel=1e-9)
        assert one.score == one.log_probability


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), weight=st.floats(0, 2), bonus=st.floats(-1, 1))
def test_a_language_model_adds_its_weighted_scores_and_a_bonus_a_label(seed, weight, bonus):
    log_probs = frames(seed)

    @functools.cache
    def language(prefix):
        scores = frames((*prefix, 7), steps=1)[0]
        return np.append(scores, scores[0])  # What the blank has stands for the end.

    def of_language(labels):
        before = [labels[:place] for place in range(len(labels))]
        said = sum(language(prefix)[label] for prefix, label in zip(before, labels, strict=True))
        return weight * (said + language(labels)[-1]) + bonus * len(labels)

    total, _ = by_labelling(log_probs)
    options = {"language": language, "language_weight": weight, "label_bonus": bonus}
    found = prefix_beam_search(log_probs, EVERY, **options)
    scores = {labels: np.log(total[labels]) + of_language(labels) for labels in total}
    assert found[0].score == pytest.approx(max(scores.values()), rel=1e-9)
    for one in found:
        assert one.score == pytest.approx(scores[one.labels], rel=1e-9)
        assert np.exp(one.log_probability) == pytest.approx(total[one.labels], rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), width=st.integers(1, 5))
def test_where_frames_are_sure_greedy_and_any_beam_agree(seed, width):
    path = np.random.default_rng(seed).integers(0, CLASSES, 12)
    probs = np.full((12, CLASSES), 0.005)
    probs[np.arange(12), path] = 0.99
    greedy, beam = best_path(np.log(probs)), prefix_beam_search(np.log(probs), width)[0]
    assert greedy.labels == beam.labels == collapse(path)
    assert greedy.log_probability <= beam.log_probability + 1e-12


def test_a_wider_beam_never_finds_a_less_probable_labelling_here_and_pruned_labels_are_left_out():
    log_probs = frames(5, steps=30)
    scores = [prefix_beam_search(log_probs, width)[0].log_probability for width in (1, 4, 32)]
    assert scores == sorted(scores)
    sure = np.log(np.array([[0.1, 0.899, 0.001]] * 3))
    assert {label for one in prefix_beam_search(sure, 9, least_log_prob=-5.0) for label in one.labels} == {1}


def test_a_beam_needs_a_width():
    with pytest.raises(SeqlabError, match="at least 1; got 0"):
        prefix_beam_search(frames(0), 0)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_an_alignment_is_the_most_probable_path_and_collapses_to_its_labels(seed):
    log_probs = frames(seed)
    for labels, (log_p, path) in by_labelling(log_probs)[1].items():
        found = align_labels(log_probs, labels)
        assert collapse(found.path) == labels
        assert found.log_probability == pytest.approx(log_p, rel=1e-9)
        assert found.path.tolist() == list(path)
        assert all(found.path[a] == found.path[b] == label for a, b, label in zip(*found[1:3], labels, strict=True))
        assert (found.first[1:] > found.last[:-1]).all()


def test_labels_without_room_are_refused():
    with pytest.raises(SeqlabError, match="3 labels have no path through 4 frames"):
        align_labels(frames(0), [1, 1, 1])
