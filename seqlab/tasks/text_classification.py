"""Classification of texts: one label for a whole text, such as the sentiment of a sentence.

Loss: cross entropy over the classes, with a weight for each class and label smoothing as options. There is no binary
cross entropy apart: with two classes the softmax over two logits is the sigmoid of their difference, so it is this very
loss. Scores: accuracy; precision, recall, specificity and F1 of each class, and their mean F1.

A text is read up to ``max_length`` tokens, from its beginning.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Key, Params
from seqlab.core.errors import unknown_name
from seqlab.core.keys import for_purpose
from seqlab.data.batch import Batch, Splits
from seqlab.data.buckets import bucketed_splits
from seqlab.data.labelled import LabelledSplits
from seqlab.data.tokenize import TOKENIZERS
from seqlab.layers.config import RecurrentConfig
from seqlab.losses import WeightedSum, softmax_cross_entropy
from seqlab.metrics import Mean, accuracy
from seqlab.metrics.accumulate import Metrics
from seqlab.metrics.classification import class_ratios, confusion_matrix, with_macro_f1
from seqlab.models.text_classifier import TextClassifier
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.classification_data import TextReader, class_weights
from seqlab.tasks.classification_prediction import apply_with, predict_split, shown, write_predictions
from seqlab.tasks.classification_scores import baselines, choose_threshold, final_scores
from seqlab.tasks.decision import save_decision

NUM_SHOWN = 5

# Logits [B, V], batch, label smoothing -> (weighted sum, weight).
CrossEntropy = Callable[[Array, Batch, Any], WeightedSum]


@dataclass(frozen=True)
class ClassificationConfig:
    """A classifier and how its texts are batched.

    Attributes:
        tokens: ``char`` or ``word``; a name in ``seqlab.data.tokenize.TOKENIZERS``.
        min_count: tokens that occur less often in the training split are unknown.
        max_length: tokens of a text that are read; 0 for all.
        embedding_size: width of the embedding.
        recurrent: the recurrent layers.
        pooling: a name in ``seqlab.layers.pooling.POOLINGS``.
        class_weights: ``none``, ``balanced``, or a number for each label in their order, with commas between them.
        word_dropout_rate: share of the tokens that training reads as unknown.
        batch_size: texts of a training batch.
        eval_batch_size: texts of a batch in evaluation.
        seed: of the order of training.
    """

    tokens: str = "word"
    min_count: int = 1
    max_length: int = 0
    embedding_size: int = 64
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    pooling: str = "last"
    class_weights: str = "none"
    word_dropout_rate: float = 0.0
    batch_size: int = 32
    eval_batch_size: int = 32
    seed: int = 0


def make_model(config: ClassificationConfig, reader: TextReader) -> TextClassifier:
    """The model for a reader's vocabulary and labels."""
    return TextClassifier(
        num_tokens=reader.vocabulary.size,
        num_classes=len(reader.labels),
        embedding_size=config.embedding_size,
        recurrent=config.recurrent,
        pooling=config.pooling,
        word_dropout_rate=config.word_dropout_rate,
    )


def init_params(model: TextClassifier, key: Key) -> Params:
    """The model's params before training."""
    params = model.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
    return model.recurrent.start_gates(params, for_purpose(key, "gates"))


def make_task(config: ClassificationConfig, texts: LabelledSplits) -> Task:
    """The task of learning these texts; vocabulary and labels come from their training split alone.

    Raises:
        SeqlabError: wrong names or numbers in ``config``.
    """
    if config.tokens not in TOKENIZERS:
        raise unknown_name("tokens", config.tokens, TOKENIZERS)
    reader = TextReader.build(texts.train, config.tokens, config.min_count, config.max_length)
    rows = {name: reader.rows(getattr(texts, name)) for name in ("train", "validation", "test")}
    counts = np.bincount(rows["train"].targets, minlength=len(reader.labels))
    cross_entropy = _cross_entropy(class_weights(config.class_weights, counts, reader.labels))
    model = make_model(config, reader)
    jax.eval_shape(lambda key: init_params(model, key), jax.random.key(0))  # Says what is wrong in the config.
    sizes = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size}
    splits = bucketed_splits(rows["train"], rows["validation"], rows["test"], **sizes, seed=config.seed)

    def scores(means: dict[str, float]) -> dict[str, float]:
        # Of training batches there is accuracy alone.
        return with_macro_f1(means, reader.labels) if f"f1_{reader.labels[0]}" in means else means

    return Task(
        name="classification",
        splits=splits,
        init=lambda key: init_params(model, key),
        initial_carry=lambda batch_size: (),
        loss=_training_loss(model, cross_entropy),
        evaluate=_evaluation(model, reader, cross_entropy),
        batch_sizes={"train": config.batch_size, "validation": config.eval_batch_size, "test": config.eval_batch_size},
        scores=scores,
        baselines=lambda: baselines(rows, reader),
        artifacts=reader.artifacts(),
        show=lambda params, key: shown(model, reader, params, texts.validation[:NUM_SHOWN]),
        headline="accuracy",
        unit="sequences",
        finish=_finish(model, reader, splits, texts),
    )


def _cross_entropy(weights: np.ndarray | None) -> CrossEntropy:
    """The cross entropy of a batch, with these weights of the classes [V]; fillers count for nothing."""

    def cross_entropy(logits: Array, batch: Batch, label_smoothing: Any) -> WeightedSum:
        of_classes = None if weights is None else jnp.asarray(weights)
        return softmax_cross_entropy(logits, batch.targets, batch.lengths > 0, label_smoothing, of_classes)

    return cross_entropy


def _training_loss(model: TextClassifier, cross_entropy: CrossEntropy) -> Callable[..., Loss]:
    """The task's ``loss``."""
    model_apply: Callable[..., Any] = model.apply

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        batch = jax.tree.map(jnp.asarray, batch)
        rngs = {"dropout": for_purpose(key, "dropout")}
        options: dict[str, Any] = {"lengths": batch.lengths, "rngs": rngs, **hyper.drop_rates()}
        logits = model_apply({"params": params}, batch.inputs, **options).logits
        total, weight = cross_entropy(logits, batch, hyper.label_smoothing)
        right = accuracy(logits, batch.targets, batch.lengths > 0)
        return Loss(total, weight, carry, {"loss": Mean(total, weight), "accuracy": right})

    return loss


def _evaluation(
    model: TextClassifier, reader: TextReader, cross_entropy: CrossEntropy
) -> Callable[..., tuple[Metrics, Any]]:
    """The task's ``evaluate``."""

    def evaluate(params: Params, carry: Any, batch: Batch) -> tuple[Metrics, Any]:
        batch = jax.tree.map(jnp.asarray, batch)
        logits = apply_with(model, params)(batch.inputs, batch.lengths).logits
        exists = batch.lengths > 0
        confusion = confusion_matrix(logits.argmax(axis=-1), batch.targets, len(reader.labels), exists)
        metrics = {
            "loss": Mean(*cross_entropy(logits, batch, 0.0)),
            "accuracy": accuracy(logits, batch.targets, exists),
            **class_ratios(confusion, reader.labels),
        }
        return metrics, carry

    return evaluate


def _finish(
    model: TextClassifier, reader: TextReader, splits: Splits, texts: LabelledSplits
) -> Callable[[Params, Path, Compile], dict[str, dict[str, Any]]]:
    """The task's ``finish``: for two classes it chooses the threshold; it writes the classes that are called at it."""
    held_out = {"validation": texts.validation, "test": texts.test}
    targets = {name: reader.classes(split) for name, split in held_out.items()}

    def finish(params: Params, folder: Path, compiler: Compile) -> dict[str, dict[str, Any]]:
        compiled = compiler(lambda params, *arrays: apply_with(model, params)(*arrays))
        apply = partial(compiled, jax.tree.map(jnp.asarray, params))  # The best params are kept on the host.
        found = {name: predict_split(apply, getattr(splits, name)) for name in held_out}
        threshold = choose_threshold(found["validation"], targets["validation"])
        if threshold is not None:
            save_decision(folder, "threshold", threshold)
        for name, split in held_out.items():
            write_predictions(folder / "predictions" / f"{name}.jsonl", split, found[name], reader.labels, threshold)
        return final_scores(found, targets, reader.labels, threshold)

    return finish
