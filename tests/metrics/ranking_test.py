import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.metrics.ranking import auprc, auroc, matthews, ranking_scores


@st.composite
def scored(draw):
    """Scores with ties, and which rows are positive: at least one of each kind."""
    size = draw(st.integers(2, 12))
    scores = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    positive = draw(
        st.lists(st.booleans(), min_size=size, max_size=size).filter(lambda rows: 0 < sum(rows) < len(rows))
    )
    return np.array(scores) / 4, np.array(positive)


@settings(max_examples=40)
@given(scored())
def test_auroc_is_the_share_of_pairs_in_the_right_order(case):
    scores, positive = case
    pairs = scores[positive][:, None] - scores[~positive][None]
    assert auroc(scores, positive) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert auroc(-scores, positive) == pytest.approx(1 - auroc(scores, positive))


@settings(max_examples=40)
@given(scored())
def test_auprc_is_the_mean_precision_over_positive_rows(case):
    scores, positive = case
    precisions = [positive[scores >= score].mean() for score in scores[positive]]
    assert auprc(scores, positive) == pytest.approx(np.mean(precisions))


@pytest.mark.slow
@given(scored())
def test_areas_and_correlation_are_scikit_learns(case):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, positive = case
    assert auroc(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores))
    assert auprc(scores, positive) == pytest.approx(metrics.average_precision_score(positive, scores))
    called = (scores > 0.5).astype(int)
    assert matthews(called, positive.astype(int), 2) == pytest.approx(metrics.matthews_corrcoef(positive, called))


def test_the_correlation_of_three_classes_is_one_zero_or_between():
    targets = np.array([0, 1, 2, 0, 1, 2])
    assert matthews(targets, targets, 3) == pytest.approx(1)
    assert matthews(np.zeros(6, int), targets, 3) == 0
    assert matthews(np.roll(targets, 1), targets, 3) == pytest.approx(-0.5)


def test_classes_that_do_not_occur_have_no_area():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    assert ranking_scores(probabilities, np.array([0, 1, 0])) == {"auroc": 1.0, "auprc": 1.0}
    assert ranking_scores(probabilities[:, :2], np.array([0, 0, 0])) == {}
    assert ranking_scores(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([1, 0]))["auroc"] == 0
