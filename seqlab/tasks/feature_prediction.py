"""What a trained classifier of sequences of vectors says of them."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Params
from seqlab.data.loaders.sensors import LabelledFeatures
from seqlab.tasks.classification_prediction import SHORTEST_PADDED, Apply, apply_with
from seqlab.tasks.classification_scores import called
from seqlab.tasks.feature_data import FeatureReader

# Padded inputs [1, T, ...], lengths [1], class -> how much each step speaks for the class [1, T].
Evidence = Callable[[Array, Array, int], Array]


def padded(features: np.ndarray) -> tuple[Array, Array]:
    """A sequence as a batch of one [1, T, ...] and its length [1]; T is a power of two, so that few are compiled."""
    width = max(SHORTEST_PADDED, 1 << (len(features) - 1).bit_length())
    inputs = np.pad(features, [(0, width - len(features))] + [(0, 0)] * (features.ndim - 1))[None]
    return jnp.asarray(inputs), jnp.array([len(features)], jnp.int32)


def classify(
    apply: Apply,
    sequences: Sequence[np.ndarray],
    reader: FeatureReader,
    threshold: float | None = None,
    evidence: Evidence | None = None,
) -> list[dict[str, Any]]:
    """Label, probabilities and the weights of the steps for each sequence, ready for JSON.

    Args:
        apply: the model.
        sequences: unscaled, [T, F] or of a video [T, Y, X, F] each.
        reader: how they are scaled, and the labels.
        threshold: of the second of two labels, where there is one.
        evidence: what says how much each step spoke for the label, where that is wanted.
    """
    answers = []
    for number, features in enumerate(sequences, start=1):
        encoded = reader.encode(features, f"line {number}")
        inputs, lengths = padded(encoded)
        answer = apply(inputs, lengths)
        probabilities = np.asarray(jax.nn.softmax(answer.logits))
        index = int(called(probabilities, threshold)[0])
        # After convolutions with a stride there are fewer steps than the sequence has; those at padding weigh nothing.
        weights = np.asarray(answer.weights[0])
        num_steps = int(np.flatnonzero(weights).max(initial=0)) + 1
        answers.append(
            {
                "label": reader.labels[index],
                "probabilities": dict(zip(reader.labels, probabilities[0].tolist(), strict=True)),
                **({} if threshold is None else {"threshold": threshold}),
                "steps": len(encoded),
                "weights": weights[:num_steps].tolist(),
            }
        )
        if evidence is not None:
            answers[-1]["evidence"] = np.asarray(evidence(inputs, lengths, index)[0, : len(encoded)]).tolist()
    return answers


def shown(model: nn.Module, reader: FeatureReader, params: Params, examples: Sequence[LabelledFeatures]) -> str:
    """Some sequences' right labels, and the most probable ones by the model."""
    params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
    answers = classify(apply_with(model, params), [row.features for row in examples], reader)
    lines = []
    for row, answer in zip(examples, answers, strict=True):
        what = row.text or f"{len(row.features)} steps of {' x '.join(map(str, row.features.shape[1:]))} numbers"
        probability = max(answer["probabilities"].values())
        lines.append(f"{what}\n  expected {row.label}, got {answer['label']}, {probability:.2f}\n")
    return "".join(lines)
