import numpy as np
import pytest

from seqlab.data.labelled import load_labelled
from seqlab.models.naive_bayes import fit_naive_bayes, log_probabilities
from seqlab.tasks.classification_data import TextReader
from seqlab.tasks.classification_scores import baselines


def test_it_is_bayes_rule_by_hand():
    texts = [np.array([0, 0, 1]), np.array([1, 2]), np.array([2])]
    model = fit_naive_bayes(texts, np.array([0, 1, 1]), num_words=3, num_classes=2)
    (found,) = np.exp(log_probabilities(model, [np.array([0, 2])]))
    joint = np.array([1 / 3 * (3 / 6) * (1 / 6), 2 / 3 * (1 / 6) * (3 / 6)])
    np.testing.assert_allclose(found, joint / joint.sum())


def test_the_order_of_words_does_not_matter():
    rng = np.random.default_rng(0)
    texts = [rng.integers(9, size=5) for _ in range(20)]
    model = fit_naive_bayes(texts, rng.integers(3, size=20), num_words=9, num_classes=3)
    turned = [text[::-1] for text in texts]
    np.testing.assert_allclose(log_probabilities(model, texts), log_probabilities(model, turned))


def scores_of(dataset, data_dir):
    splits = load_labelled(dataset, data_dir=data_dir)
    reader = TextReader.build(splits.train, "word", 1, 0)
    rows = {name: reader.rows(getattr(splits, name)) for name in ("train", "validation", "test")}
    return {name: found["test"]["accuracy"] for name, found in baselines(rows, reader).items()}


def test_a_bag_of_words_does_not_see_negation(tmp_path):
    found = scores_of("builtin", tmp_path)
    # 800 rows have a standard error of 0.018.
    assert found == {"majority": pytest.approx(0.5, abs=0.07), "naive Bayes": pytest.approx(0.5, abs=0.07)}


def test_a_bag_of_words_sees_sentiment_in_sst2(data_folder):
    assert scores_of("sst2", data_folder)["naive Bayes"] == pytest.approx(0.82, abs=0.006)
