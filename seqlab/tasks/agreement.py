"""Agreement as a task: read a sentence up to its verb, choose the verb among the four.

Loss: cross entropy over the verbs. Beside the accuracy over all sentences there is one for each
range of distances (``accuracy_at_1_to_13``) and each kind of sentence (``accuracy_tense``, ``accuracy_number``).
Who looks at the last word alone sees which kind of sentence it is, and is right half of the time. The grammar is in
``seqlab.data.synthetic.agreement``.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array
from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch, Batches, Splits
from seqlab.data.synthetic.agreement import KINDS, VERBS, agreement_batch, vocabulary, words_of
from seqlab.data.vocabulary import UNKNOWN_ID, Vocabulary
from seqlab.metrics import accuracy
from seqlab.metrics.accumulate import Metrics
from seqlab.models.many_to_one import ManyToOne
from seqlab.tasks.sequence_classification import accuracy_by_distance, classification_loss, distance_buckets
from seqlab.tasks.whole_sequences import Apply, Problem, SequenceConfig, generated

COUNTED_BATCHES = 200


def make_problem(config: SequenceConfig) -> Problem:
    """The problem with verbs decided 1 to ``sequence_length`` words before."""
    words = vocabulary()

    def make(rng: np.random.Generator, rows: int) -> Batch:
        return agreement_batch(rng, rows, config.sequence_length, words)

    splits = generated(make, config)
    counted = generated(make, replace(config, seed=0)).train  # So that runs of other seeds have the same baselines.
    return Problem(
        name="agreement",
        config=config,
        model=ManyToOne(
            num_outputs=len(VERBS),
            recurrent=config.recurrent,
            num_tokens=words.size,
            embedding_size=config.embedding_size,
        ),
        splits=splits,
        loss=classification_loss,
        measure=_measure_of(distance_buckets(config.sequence_length)),
        baselines=lambda: _baselines(counted, splits),
        examples=lambda batch: _examples(batch, words),
        answer=lambda apply, lines: _answer(apply, lines, words),
        headline="accuracy",
    )


def _measure_of(buckets: Sequence[tuple[int, int]]) -> Callable[[Array, Batch], Metrics]:
    """Accuracy over all, by distance, and by kind of sentence."""
    by_distance = accuracy_by_distance(buckets)

    def measure(logits: Array, batch: Batch) -> Metrics:
        by_kind = {
            f"accuracy_{kind}": accuracy(
                logits, batch.targets, jnp.isin(batch.targets, jnp.array([VERBS.index(verb) for verb in verbs]))
            )
            for kind, verbs in KINDS.items()
        }
        return {**by_distance(logits, batch), **by_kind}

    return measure


def _baselines(counted: Batches, splits: Splits) -> dict[str, dict[str, Any]]:
    train = [counted.batch(step) for step in range(COUNTED_BATCHES)]
    held_out = {
        name: [split.batch(step) for step in range(split.batches_per_epoch)]
        for name, split in (("validation", splits.validation), ("test", splits.test))
    }
    return {
        name: {split: counted_scores(train, batches, last_word=last_word) for split, batches in held_out.items()}
        for name, last_word in (("most frequent", False), ("last word", True))
    }


def counted_scores(train: Sequence[Batch], held_out: Sequence[Batch], *, last_word: bool) -> dict[str, float]:
    """Scores of the verbs' relative frequencies in training: those of all rows, or of rows with the same last word.

    Every count has 0.1 added to it.
    """

    def contexts(batch: Batch) -> list[int]:
        ends = batch.inputs[np.arange(len(batch.inputs)), batch.lengths - 1]
        return ends.tolist() if last_word else [0] * len(ends)

    counts: Counter[tuple[int, int]] = Counter()
    for batch in train:
        counts.update(zip(contexts(batch), batch.targets.tolist(), strict=True))
    nats, right, rows = 0.0, 0, 0
    for batch in held_out:
        for context, target in zip(contexts(batch), batch.targets.tolist(), strict=True):
            row = [counts[context, verb] + 0.1 for verb in range(len(VERBS))]
            nats -= math.log(row[target] / sum(row))
            right += int(np.argmax(row)) == target
            rows += 1
    return {"loss": nats / rows, "accuracy": right / rows}


def _examples(batch: Batch, words: Vocabulary) -> list[tuple[str, str]]:
    rows = zip(batch.inputs, batch.lengths, batch.targets, strict=True)
    return [(" ".join(words.decode(row[:length])), VERBS[target]) for row, length, target in rows]


def _answer(apply: Apply, lines: Sequence[str], words: Vocabulary) -> list[dict[str, Any]]:
    answers = []
    for number, line in enumerate(lines, start=1):
        ids = words.encode(words_of(line))
        if not len(ids):
            raise SeqlabError(
                f"line {number}: expected the words before a verb, such as 'the dogs who slept'; got none."
            )
        logits = apply(jnp.asarray(ids[None]), None)[0]
        probabilities = np.asarray(jax.nn.softmax(logits)).tolist()
        answers.append(
            {
                "text": line,
                "unknown": int((ids == UNKNOWN_ID).sum()),
                "verb": VERBS[int(np.argmax(probabilities))],
                "probabilities": dict(zip(VERBS, probabilities, strict=True)),
            }
        )
    return answers
