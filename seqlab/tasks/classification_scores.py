"""What is said of a classifier at the end: its confusion matrix, its best threshold, and the models it has to beat."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.strict_json import to_json
from seqlab.data.batch import Batch, Batches
from seqlab.data.loaders.labelled_text import LabelledText
from seqlab.metrics.accumulate import compute
from seqlab.metrics.classification import best_threshold, class_ratios, confusion_matrix, with_macro_f1
from seqlab.models.naive_bayes import fit_naive_bayes, log_probabilities
from seqlab.tasks.classification_data import TextReader


def predict_split(apply: Callable[[Any, Any], Any], batches: Batches) -> np.ndarray:
    """Probabilities of the classes for every row of a split [N, V], in the order of the split."""
    found: dict[int, np.ndarray] = {}
    for step in range(batches.batches_per_epoch):
        batch = batches.batch(step)
        logits = apply(jnp.asarray(batch.inputs), jnp.asarray(batch.lengths)).logits
        probabilities = np.asarray(jax.nn.softmax(logits))
        found |= {row: probabilities[place] for place, row in enumerate(batch.rows.tolist()) if row >= 0}
    return np.stack([found[row] for row in range(len(found))])


def classified_scores(predicted: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
    """Accuracy and the scores of each class, from classes [N]; as ``evaluate`` adds them up from batches."""
    counts = confusion_matrix(jnp.asarray(predicted, jnp.int32), jnp.asarray(targets, jnp.int32), len(labels))
    right = {"accuracy": float((predicted == targets).mean())}
    return with_macro_f1({**right, **compute(class_ratios(counts, labels))}, labels)


def final_scores(
    held_out: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray], labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Confusion matrices, and for two classes the scores at the threshold that was chosen on validation.

    Args:
        held_out: probabilities [N, V] of ``validation`` and ``test``.
        targets: their classes [N].
        labels: the names of the classes.

    Returns:
        By split ``confusion`` (labels, and counts [target][predicted]); for two classes ``threshold``, of the
        probability of the second label and of the greatest macro F1 on validation, and the scores at it.
    """
    scores: dict[str, dict[str, Any]] = {}
    for split, probabilities in held_out.items():
        counts = confusion_matrix(jnp.asarray(probabilities.argmax(axis=1)), jnp.asarray(targets[split]), len(labels))
        scores[split] = {"confusion": {"labels": list(labels), "counts": np.asarray(counts, int).tolist()}}
    if len(labels) == 2:
        threshold = best_threshold(held_out["validation"][:, 1].astype(np.float64), targets["validation"])
        for split, probabilities in held_out.items():
            at = classified_scores((probabilities[:, 1] >= threshold).astype(np.int32), targets[split], labels)
            named = {f"{name}_at_threshold": value for name, value in at.items()}
            scores[split] |= {"threshold": threshold, **named}
    return scores


def write_predictions(path: Path, texts: Sequence[LabelledText], found: np.ndarray, labels: Sequence[str]) -> None:
    """Writes text, label, predicted label and probabilities of each row, one JSON object a line."""
    with open(path, "w", encoding="utf-8") as file:
        for row, probabilities in zip(texts, found, strict=True):
            answer = {
                "text": row.text,
                "label": row.label,
                "predicted": labels[int(probabilities.argmax())],
                "probabilities": dict(zip(labels, probabilities.tolist(), strict=True)),
            }
            file.write(to_json(answer, ensure_ascii=False) + "\n")


def baselines(rows: Mapping[str, Batch], reader: TextReader) -> dict[str, dict[str, Any]]:
    """Scores of the training split's most frequent class for all, and of multinomial naive Bayes over bags of words."""
    train, num_classes = rows["train"], len(reader.labels)
    bayes = fit_naive_bayes(train.inputs, train.targets, reader.vocabulary.size, num_classes)
    shares = np.bincount(train.targets, minlength=num_classes) / len(train.targets)
    found: dict[str, dict[str, Any]] = {"majority": {}, "naive Bayes": {}}
    for split in ("validation", "test"):
        targets = rows[split].targets
        by_model = {
            "majority": np.tile(np.log(shares), (len(targets), 1)),
            "naive Bayes": log_probabilities(bayes, rows[split].inputs),
        }
        for name, log_probability in by_model.items():
            nats = -log_probability[np.arange(len(targets)), targets].mean()
            scores = classified_scores(log_probability.argmax(axis=1), targets, reader.labels)
            found[name][split] = {"loss": float(nats), **scores}
    return found
