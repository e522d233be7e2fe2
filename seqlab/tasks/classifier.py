"""Any task that names one class for a row: its loss, its scores, and what is done when training has come to its end.

Loss: cross entropy over the classes, with a weight for each class and label smoothing as options. There is no binary
cross entropy apart: with two classes the softmax over two logits is the sigmoid of their difference, so it is this very
loss. Scores: accuracy; precision, recall, specificity and F1 of each class, and their mean F1; at the end the areas
under the curves of `seqlab.metrics.ranking`, and the correlation of calls and classes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Key, Params
from seqlab.core.keys import for_purpose
from seqlab.data.batch import Batch, Splits
from seqlab.losses import WeightedSum, softmax_cross_entropy
from seqlab.metrics import Mean, accuracy
from seqlab.metrics.accumulate import Metrics
from seqlab.metrics.classification import class_ratios, confusion_matrix, with_macro_f1
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.classification_prediction import apply_with, predict_split, write_predictions
from seqlab.tasks.classification_scores import choose_threshold, final_scores
from seqlab.tasks.decision import save_decision

# Inputs [B, T, ...], lengths [B], key -> inputs of the same shape and meaning.
Augment = Callable[[Array, Array, Key], Array]


class Classifier(NamedTuple):
    """What is trained to name classes.

    Attributes:
        name: of the task, in the table of tasks.
        model: inputs, ``lengths`` and the rates of ``Hyper.drop_rates`` -> an answer with ``logits`` [B, V].
        init: key -> params.
        labels: of the classes, in their order.
        class_weights: what each class counts in the loss [V]; ``None`` where all count alike.
        augment: what is done to the inputs of a training batch; a function of the step's key, and so of (seed, step).
    """

    name: str
    model: nn.Module
    init: Callable[[Key], Params]
    labels: Sequence[str]
    class_weights: np.ndarray | None = None
    augment: Augment | None = None


def classification_task(
    classifier: Classifier,
    splits: Splits,
    held_out: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    batch_sizes: Mapping[str, int],
    baselines: Callable[[], dict[str, dict[str, Any]]],
    artifacts: Mapping[str, Callable[[Path], None]],
    show: Callable[[Params, Key], str],
) -> Task:
    """The task of a classifier.

    Args:
        classifier: the model and its classes.
        splits: batches with ``lengths``; rows of length 0 are fillers.
        held_out: for ``validation`` and ``test`` what is written of each row, its ``label`` among it, in order.
        batch_sizes: as in `Task`, like the rest.
        baselines: scores of the simplest models.
        artifacts: what a prediction needs.
        show: what a reader sees.
    """

    def scores(means: dict[str, float]) -> dict[str, float]:
        # Of training batches there is accuracy alone.
        return with_macro_f1(means, classifier.labels) if f"f1_{classifier.labels[0]}" in means else means

    return Task(
        name=classifier.name,
        splits=splits,
        init=classifier.init,
        initial_carry=lambda batch_size: (),
        loss=_training_loss(classifier),
        evaluate=_evaluation(classifier),
        batch_sizes=batch_sizes,
        scores=scores,
        baselines=baselines,
        artifacts=artifacts,
        show=show,
        headline="accuracy",
        unit="sequences",
        finish=_finish(classifier, splits, held_out),
    )


def _cross_entropy(classifier: Classifier, logits: Array, batch: Batch, label_smoothing: Any) -> WeightedSum:
    """The cross entropy of a batch; fillers count for nothing."""
    weights = None if classifier.class_weights is None else jnp.asarray(classifier.class_weights)
    return softmax_cross_entropy(logits, batch.targets, batch.lengths > 0, label_smoothing, weights)


def _training_loss(classifier: Classifier) -> Callable[..., Loss]:
    """The task's ``loss``."""
    model_apply: Callable[..., Any] = classifier.model.apply

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        batch = jax.tree.map(jnp.asarray, batch)
        inputs = batch.inputs
        if classifier.augment is not None:
            inputs = classifier.augment(inputs, batch.lengths, for_purpose(key, "augmentation"))
        rngs = {"dropout": for_purpose(key, "dropout")}
        options: dict[str, Any] = {"lengths": batch.lengths, "rngs": rngs, **hyper.drop_rates()}
        logits = model_apply({"params": params}, inputs, **options).logits
        total, weight = _cross_entropy(classifier, logits, batch, hyper.label_smoothing)
        right = accuracy(logits, batch.targets, batch.lengths > 0)
        return Loss(total, weight, carry, {"loss": Mean(total, weight), "accuracy": right})

    return loss


def _evaluation(classifier: Classifier) -> Callable[..., tuple[Metrics, Any]]:
    """The task's ``evaluate``."""
    labels = classifier.labels

    def evaluate(params: Params, carry: Any, batch: Batch) -> tuple[Metrics, Any]:
        batch = jax.tree.map(jnp.asarray, batch)
        logits = apply_with(classifier.model, params)(batch.inputs, batch.lengths).logits
        exists = batch.lengths > 0
        confusion = confusion_matrix(logits.argmax(axis=-1), batch.targets, len(labels), exists)
        metrics = {
            "loss": Mean(*_cross_entropy(classifier, logits, batch, 0.0)),
            "accuracy": accuracy(logits, batch.targets, exists),
            **class_ratios(confusion, labels),
        }
        return metrics, carry

    return evaluate


def _finish(
    classifier: Classifier, splits: Splits, held_out: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Callable[[Params, Path, Compile], dict[str, dict[str, Any]]]:
    """The task's ``finish``: for two classes it chooses the threshold; it writes the classes that are called at it."""
    labels = list(classifier.labels)
    targets = {
        name: np.array([labels.index(row["label"]) for row in rows], np.int32) for name, rows in held_out.items()
    }

    def finish(params: Params, folder: Path, compiler: Compile) -> dict[str, dict[str, Any]]:
        compiled = compiler(lambda params, *arrays: apply_with(classifier.model, params)(*arrays))
        apply = partial(compiled, jax.tree.map(jnp.asarray, params))  # The best params are kept on the host.
        found = {name: predict_split(apply, getattr(splits, name)) for name in held_out}
        threshold = choose_threshold(found["validation"], targets["validation"])
        if threshold is not None:
            save_decision(folder, "threshold", threshold)
        for name, rows in held_out.items():
            write_predictions(folder / "predictions" / f"{name}.jsonl", rows, found[name], labels, threshold)
        return final_scores(found, targets, labels, threshold)

    return finish
