"""Temporal order as a task: read letters, say which two of X and Y were among them and in which order.

Loss: cross entropy over the four classes, ln 4 by chance. The generator is in ``seqlab.data.synthetic.temporal_order``.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.synthetic.temporal_order import CLASSES, LETTERS, temporal_order_batch
from seqlab.models.many_to_one import ManyToOne
from seqlab.tasks.sequence_classification import classification_loss, classification_metrics
from seqlab.tasks.whole_sequences import Apply, Problem, SequenceConfig, generated


def make_problem(config: SequenceConfig) -> Problem:
    """The problem with ``sequence_length`` letters in a row."""
    chance = {"loss": math.log(len(CLASSES)), "accuracy": 1 / len(CLASSES)}
    return Problem(
        name="temporal_order",
        config=config,
        model=ManyToOne(
            num_outputs=len(CLASSES),
            recurrent=config.recurrent,
            num_tokens=len(LETTERS),
            embedding_size=config.embedding_size,
        ),
        splits=generated(lambda rng, rows: temporal_order_batch(rng, rows, config.sequence_length), config),
        loss=classification_loss,
        measure=classification_metrics,
        baselines=lambda: {"chance": {"validation": chance, "test": chance}},
        examples=_examples,
        answer=_answer,
        headline="accuracy",
    )


def _examples(batch: Batch) -> list[tuple[str, str]]:
    return [
        ("".join(LETTERS[letter] for letter in row), CLASSES[target])
        for row, target in zip(batch.inputs, batch.targets, strict=True)
    ]


def _answer(apply: Apply, lines: Sequence[str]) -> list[dict[str, Any]]:
    answers = []
    for number, line in enumerate(lines, start=1):
        letters = line.strip()
        if not letters or not set(letters) <= set(LETTERS):
            raise SeqlabError(f"line {number}: expected letters among {LETTERS}, such as EabXcdYdB; got {line!r}.")
        ids = np.array([[LETTERS.index(letter) for letter in letters]], np.int32)
        probabilities = np.asarray(jax.nn.softmax(apply(jnp.asarray(ids), None)[0]))
        answers.append(
            {
                "letters": letters,
                "class": CLASSES[int(probabilities.argmax())],
                "probabilities": dict(zip(CLASSES, probabilities.tolist(), strict=True)),
            }
        )
    return answers
