"""What is said of a classifier at the end: its confusion matrix, its best threshold, and the models it has to beat."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from seqlab.data.batch import Batch
from seqlab.data.splits import HELD_OUT
from seqlab.metrics.accumulate import compute
from seqlab.metrics.classification import best_threshold, class_ratios, confusion_matrix, with_macro_f1
from seqlab.metrics.ranking import matthews, ranking_scores
from seqlab.models.naive_bayes import fit_naive_bayes, log_probabilities
from seqlab.tasks.classification_data import TextReader


def classified_scores(predicted: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
    """Accuracy and the scores of each class, from classes [N]; as ``evaluate`` adds them up from batches."""
    counts = confusion_matrix(jnp.asarray(predicted, jnp.int32), jnp.asarray(targets, jnp.int32), len(labels))
    right = {"accuracy": float((predicted == targets).mean())}
    return with_macro_f1({**right, **compute(class_ratios(counts, labels))}, labels)


def choose_threshold(probabilities: np.ndarray, targets: np.ndarray) -> float | None:
    """Of two classes the threshold of the greatest macro F1; None for more than two.

    Args:
        probabilities: of the classes, on validation [N, V].
        targets: their classes [N].
    """
    if probabilities.shape[1] != 2:
        return None
    # Beyond the sixth decimal is noise: the same text in another batch has other digits there.
    return round(best_threshold(probabilities[:, 1].astype(np.float64).round(6), targets), 7)


def called(probabilities: np.ndarray, threshold: float | None) -> np.ndarray:
    """The class that is called for each row of probabilities [N, V]: the most probable one.

    With a threshold, it is the second one of two where its probability is at least that.

    >>> rows = np.array([[0.6, 0.4], [0.8, 0.2]])
    >>> called(rows, None).tolist(), called(rows, 0.3).tolist()
    ([0, 0], [1, 0])
    """
    if threshold is None:
        return probabilities.argmax(axis=1).astype(np.int32)
    return (probabilities[:, 1].astype(np.float64) >= threshold).astype(np.int32)


def final_scores(
    held_out: Mapping[str, np.ndarray],
    targets: Mapping[str, np.ndarray],
    labels: Sequence[str],
    threshold: float | None,
) -> dict[str, dict[str, Any]]:
    """Confusion matrices of the most probable classes, and for two classes the scores at a threshold.

    Args:
        held_out: probabilities [N, V] by split.
        targets: their classes [N].
        labels: the names of the classes.
        threshold: of the second label's probability, where there are two.

    Returns:
        By split ``confusion`` (labels, and counts [target][predicted]), ``auroc``, ``auprc`` and ``mcc``; with a
        threshold that too, and the scores at it with names that end in ``_at_threshold``.
    """
    scores: dict[str, dict[str, Any]] = {}
    for split, probabilities in held_out.items():
        counts = confusion_matrix(jnp.asarray(called(probabilities, None)), jnp.asarray(targets[split]), len(labels))
        scores[split] = {"confusion": {"labels": list(labels), "counts": np.asarray(counts, int).tolist()}}
        scores[split] |= ranking_scores(probabilities, targets[split])
        scores[split]["mcc"] = matthews(called(probabilities, None), targets[split], len(labels))
        if threshold is not None:
            at = classified_scores(called(probabilities, threshold), targets[split], labels)
            at["mcc"] = matthews(called(probabilities, threshold), targets[split], len(labels))
            named = {f"{name}_at_threshold": value for name, value in at.items()}
            scores[split] |= {"threshold": threshold, **named}
    return scores


def baselines(rows: Mapping[str, Batch], reader: TextReader) -> dict[str, dict[str, Any]]:
    """Scores of the training split's most frequent class for all, and of multinomial naive Bayes over bags of words."""
    train, num_classes = rows["train"], len(reader.labels)
    bayes = fit_naive_bayes(train.inputs, train.targets, reader.vocabulary.size, num_classes)
    found = {split: log_probabilities(bayes, rows[split].inputs) for split in HELD_OUT}
    targets = {split: batch.targets for split, batch in rows.items()}
    return majority_baseline(targets, reader.labels) | baseline_scores("naive Bayes", found, targets, reader.labels)


def majority_baseline(targets: Mapping[str, np.ndarray], labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Scores of the training split's most frequent class for all, with the classes' shares as probabilities."""
    shares = np.bincount(targets["train"], minlength=len(labels)) / len(targets["train"])
    found = {split: np.tile(np.log(shares), (len(targets[split]), 1)) for split in HELD_OUT}
    return baseline_scores("majority", found, targets, labels)


def baseline_scores(
    name: str, found: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray], labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The scores of a model, by its name and by split, from the logarithms of its probabilities [N, V]."""
    scores = {}
    for split, log_probability in found.items():
        right = targets[split]
        nats = -log_probability[np.arange(len(right)), right].mean()
        predicted = log_probability.argmax(axis=1)
        scores[split] = {
            "loss": float(nats),
            **classified_scores(predicted, right, labels),
            **ranking_scores(np.exp(log_probability), right),
            "mcc": matthews(predicted, right, len(labels)),
        }
    return {name: scores}
