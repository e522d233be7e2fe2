"""Copy memory as a task: read ten symbols, wait for T steps, say them again.

Loss: cross entropy, the mean over all T + 20 steps, as in the literature; 10 ln 8 / (T + 20) for who remembers nothing.
``accuracy`` is over the ten symbols alone. The generator is in ``seqlab.data.synthetic.copy_memory``.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.synthetic import copy_memory
from seqlab.data.synthetic.copy_memory import NUM_COPIED, NUM_SYMBOLS
from seqlab.losses import WeightedSum, softmax_cross_entropy
from seqlab.metrics import accuracy
from seqlab.metrics.accumulate import Metrics
from seqlab.models.many_to_many import Aligned, ManyToMany
from seqlab.tasks.whole_sequences import Apply, Problem, SequenceConfig, generated, json_lists


def make_problem(config: SequenceConfig) -> Problem:
    """The problem with a wait of ``sequence_length`` steps; the model reads forward alone.

    Raises:
        SeqlabError: recurrent layers in both directions, which would see the symbols when they say them.
    """
    if config.recurrent.bidirectional:
        raise SeqlabError("copy memory reads forward alone: recurrent.bidirectional must be False; got True.")
    num_blanks = config.sequence_length
    chance = {"loss": copy_memory.chance_loss(num_blanks), "accuracy": 1 / NUM_SYMBOLS}

    def answer(apply: Apply, lines: Sequence[str]) -> list[dict[str, Any]]:
        expected = f"a JSON list of {NUM_COPIED} symbols from 1 to {NUM_SYMBOLS}"
        rows = json_lists(lines, expected)
        for number, row in enumerate(rows, start=1):
            if row.shape != (NUM_COPIED,) or not np.isin(row, np.arange(1, NUM_SYMBOLS + 1)).all():
                raise SeqlabError(f"line {number}: expected {expected}; got {row.tolist()}.")
        inputs = copy_memory.with_blanks(np.asarray(rows, np.int32).reshape(-1, NUM_COPIED), num_blanks)
        said = np.asarray(apply(jnp.asarray(inputs), None).logits.argmax(axis=-1))[:, -NUM_COPIED:]
        return [
            {"symbols": row.astype(int).tolist(), "after": num_blanks, "recalled": recalled.tolist()}
            for row, recalled in zip(rows, said, strict=True)
        ]

    return Problem(
        name="copy_memory",
        config=config,
        model=ManyToMany(
            num_tokens=copy_memory.NUM_IDS,
            num_classes=copy_memory.NUM_TARGETS,
            embedding_size=config.embedding_size,
            recurrent=config.recurrent,
        ),
        splits=generated(lambda rng, rows: copy_memory.copy_memory_batch(rng, rows, num_blanks), config),
        loss=_loss,
        measure=_measure,
        baselines=lambda: {"memoryless": {"validation": chance, "test": chance}},
        examples=_examples,
        answer=answer,
        headline="accuracy",
    )


def _loss(answer: Aligned, batch: Batch, label_smoothing: Any) -> WeightedSum:
    return softmax_cross_entropy(answer.logits, batch.targets, label_smoothing=label_smoothing)


def _measure(answer: Aligned, batch: Batch) -> Metrics:
    return {"accuracy": accuracy(answer.logits[:, -NUM_COPIED:], batch.targets[:, -NUM_COPIED:])}


def _examples(batch: Batch) -> list[tuple[str, str]]:
    return [(str(row), str(row)) for row in batch.inputs[:, :NUM_COPIED].tolist()]
