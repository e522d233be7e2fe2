"""What a trained classifier of texts says of them, and how that is written down."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.strict_json import to_json
from seqlab.data.batch import Batches
from seqlab.data.loaders.labelled_text import LabelledText
from seqlab.data.vocabulary import UNKNOWN_ID
from seqlab.models.text_classifier import TextClassifier
from seqlab.tasks.classification_data import TextReader
from seqlab.tasks.classification_scores import called

SHORTEST_PADDED = 8

# Token ids [B, T] or vectors [B, T, F], and lengths [B] -> ``Classified``.
Apply = Callable[[Array, Array], Any]


def apply_with(model: nn.Module, params: Params) -> Apply:
    """The model with these params, without dropout."""
    return lambda inputs, lengths: model.apply({"params": params}, inputs, lengths=lengths)


def predict_split(apply: Callable[[Any, Any], Any], batches: Batches) -> np.ndarray:
    """Probabilities of the classes for every row of a split [N, V], in the order of the split."""
    found: dict[int, np.ndarray] = {}
    for step in range(batches.batches_per_epoch):
        batch = batches.batch(step)
        logits = apply(jnp.asarray(batch.inputs), jnp.asarray(batch.lengths)).logits
        probabilities = np.asarray(jax.nn.softmax(logits))
        found |= {row: probabilities[place] for place, row in enumerate(batch.rows.tolist()) if row >= 0}
    return np.stack([found[row] for row in range(len(found))])


def classify(
    apply: Apply, lines: Sequence[str], reader: TextReader, threshold: float | None = None
) -> list[dict[str, Any]]:
    """Label, probabilities and weights of the words for each text, ready for JSON; the threshold where there is one.

    Lengths are padded to powers of two, so that few are compiled.

    Raises:
        SeqlabError: a line without a word.
    """
    answers = []
    for number, line in enumerate(lines, start=1):
        words = reader.split(line)
        if not words:
            raise SeqlabError(f"line {number}: expected a text to classify; got none.")
        ids = reader.vocabulary.encode(words)
        width = max(SHORTEST_PADDED, 1 << (len(ids) - 1).bit_length())
        padded = jnp.asarray(np.pad(ids, (0, width - len(ids)))[None])
        logits, weights = apply(padded, jnp.array([len(ids)], jnp.int32))
        probabilities = np.asarray(jax.nn.softmax(logits))
        by_label = dict(zip(reader.labels, probabilities[0].tolist(), strict=True))
        answers.append(
            {
                "text": line,
                "label": reader.labels[int(called(probabilities, threshold)[0])],
                "probabilities": by_label,
                **({} if threshold is None else {"threshold": threshold}),
                "words": words,
                "weights": np.asarray(weights[0, : len(words)]).tolist(),
                "unknown": int((ids == UNKNOWN_ID).sum()),
            }
        )
    return answers


def write_predictions(
    path: Path, rows: Sequence[Mapping[str, Any]], found: np.ndarray, labels: Sequence[str], threshold: float | None
) -> None:
    """Writes what is said of each row, predicted label and probabilities, one JSON object a line."""
    with open(path, "w", encoding="utf-8") as file:
        for row, probabilities, index in zip(rows, found, called(found, threshold).tolist(), strict=True):
            answer = {
                **row,
                "predicted": labels[index],
                "probabilities": dict(zip(labels, probabilities.tolist(), strict=True)),
            }
            file.write(to_json(answer, ensure_ascii=False) + "\n")


def shown(model: TextClassifier, reader: TextReader, params: Params, examples: Sequence[LabelledText]) -> str:
    """Some texts with the right labels, and the most probable ones by the model."""
    params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
    answers = classify(apply_with(model, params), [row.text for row in examples], reader)
    lines = [
        f"{row.text}\n  expected {row.label}, got {answer['label']}, {max(answer['probabilities'].values()):.2f}\n"
        for row, answer in zip(examples, answers, strict=True)
    ]
    return "".join(lines)
