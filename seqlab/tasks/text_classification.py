"""Classification of texts: one label for a whole text, such as the sentiment of a sentence.

Loss: cross entropy over the classes, with a weight for each class and label smoothing as options. There is no binary
cross entropy apart: with two classes the softmax over two logits is the sigmoid of their difference, so it is this very
loss. Scores: accuracy; precision, recall, specificity and F1 of each class, and their mean F1.

A text is read up to ``max_length`` tokens, from its beginning.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Key, Params
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.keys import for_purpose
from seqlab.data.batch import Batch
from seqlab.data.buckets import bucketed_splits
from seqlab.data.labelled import LabelledSplits
from seqlab.data.tokenize import TOKENIZERS
from seqlab.data.vocabulary import UNKNOWN_ID
from seqlab.layers.config import RecurrentConfig
from seqlab.losses import WeightedSum, softmax_cross_entropy
from seqlab.metrics import Mean, accuracy
from seqlab.metrics.accumulate import Metrics
from seqlab.metrics.classification import class_ratios, confusion_matrix, with_macro_f1
from seqlab.models.text_classifier import TextClassifier
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.classification_data import TextReader, class_weights
from seqlab.tasks.classification_scores import baselines, final_scores, predict_split, write_predictions

NUM_SHOWN = 5
SHORTEST_PADDED = 8

# Token ids [B, T] and lengths [B] -> ``Classified``.
Apply = Callable[[Array, Array], Any]


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
    weights = class_weights(config.class_weights, counts, reader.labels)
    model = make_model(config, reader)
    jax.eval_shape(lambda key: init_params(model, key), jax.random.key(0))  # Says what is wrong in the config.
    sizes = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size}
    splits = bucketed_splits(rows["train"], rows["validation"], rows["test"], **sizes, seed=config.seed)
    model_apply: Callable[..., Any] = model.apply

    def cross_entropy(logits: Array, batch: Batch, label_smoothing: Any) -> WeightedSum:
        of_classes = None if weights is None else jnp.asarray(weights)
        return softmax_cross_entropy(logits, batch.targets, batch.lengths > 0, label_smoothing, of_classes)

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        batch = jax.tree.map(jnp.asarray, batch)
        rngs = {"dropout": for_purpose(key, "dropout")}
        options: dict[str, Any] = {"lengths": batch.lengths, "rngs": rngs, **hyper.drop_rates()}
        logits = model_apply({"params": params}, batch.inputs, **options).logits
        total, weight = cross_entropy(logits, batch, hyper.label_smoothing)
        right = accuracy(logits, batch.targets, batch.lengths > 0)
        return Loss(total, weight, carry, {"loss": Mean(total, weight), "accuracy": right})

    def evaluate(params: Params, carry: Any, batch: Batch) -> tuple[Metrics, Any]:
        batch = jax.tree.map(jnp.asarray, batch)
        logits = model_apply({"params": params}, batch.inputs, lengths=batch.lengths).logits
        exists = batch.lengths > 0
        confusion = confusion_matrix(logits.argmax(axis=-1), batch.targets, len(reader.labels), exists)
        metrics = {
            "loss": Mean(*cross_entropy(logits, batch, 0.0)),
            "accuracy": accuracy(logits, batch.targets, exists),
            **class_ratios(confusion, reader.labels),
        }
        return metrics, carry

    def scores(means: dict[str, float]) -> dict[str, float]:
        # Of training batches there is accuracy alone.
        return with_macro_f1(means, reader.labels) if f"f1_{reader.labels[0]}" in means else means

    def finish(params: Params, folder: Path, compiler: Compile) -> dict[str, dict[str, Any]]:
        compiled = compiler(lambda params, *arrays: apply_with(model, params)(*arrays))
        apply = partial(compiled, jax.tree.map(jnp.asarray, params))  # The best params are kept on the host.
        held_out = {name: predict_split(apply, getattr(splits, name)) for name in ("validation", "test")}
        for name, found in held_out.items():
            write_predictions(folder / "predictions" / f"{name}.jsonl", getattr(texts, name), found, reader.labels)
        return final_scores(held_out, {name: rows[name].targets for name in held_out}, reader.labels)

    def show(params: Params, key: Key) -> str:
        del key
        params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        examples = texts.validation[:NUM_SHOWN]
        answers = classify(apply_with(model, params), [row.text for row in examples], reader)
        lines = [
            f"{row.text}\n  expected {row.label}, got {answer['label']}, {max(answer['probabilities'].values()):.2f}\n"
            for row, answer in zip(examples, answers, strict=True)
        ]
        return "".join(lines)

    return Task(
        name="classification",
        splits=splits,
        init=lambda key: init_params(model, key),
        initial_carry=lambda batch_size: (),
        loss=loss,
        evaluate=evaluate,
        batch_sizes={"train": config.batch_size, "validation": config.eval_batch_size, "test": config.eval_batch_size},
        scores=scores,
        baselines=lambda: baselines(rows, reader),
        artifacts=reader.artifacts(),
        show=show,
        headline="accuracy",
        unit="sequences",
        finish=finish,
    )


def apply_with(model: TextClassifier, params: Params) -> Apply:
    """The model with these params, without dropout."""
    return lambda inputs, lengths: model.apply({"params": params}, inputs, lengths=lengths)


def classify(apply: Apply, lines: Sequence[str], reader: TextReader) -> list[dict[str, Any]]:
    """Label, probabilities and weights of the words for each text, ready for JSON.

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
        probabilities = np.asarray(jax.nn.softmax(logits[0])).tolist()
        answers.append(
            {
                "text": line,
                "label": reader.labels[int(np.argmax(probabilities))],
                "probabilities": dict(zip(reader.labels, probabilities, strict=True)),
                "words": words,
                "weights": np.asarray(weights[0, : len(words)]).tolist(),
                "unknown": int((ids == UNKNOWN_ID).sum()),
            }
        )
    return answers
