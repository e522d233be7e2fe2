"""What is said of a tagger at the end: its scores, and what it has to beat."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from seqlab.core.masks import lengths_to_mask
from seqlab.data.tagged import TaggedSplits
from seqlab.metrics import entity_scores
from seqlab.tasks.tagging_data import most_frequent_tags

Tags = Sequence[Sequence[str]]


def with_error(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores and, as ``entity_error``, 1 - F1: the best checkpoint is the one with the smallest score."""
    return {**scores, "entity_error": 1 - scores["entity_f1"]}


def tag_scores(targets: Tags, tags: Tags) -> dict[str, float]:
    """Accuracy and entity scores of legal tags that are strings, as ``evaluate`` gives them for ids."""
    names = sorted({tag for sentence in [*targets, *tags] for tag in sentence})
    ids = {tag: number for number, tag in enumerate(names)}
    longest = max(len(sentence) for sentence in targets)
    lengths = jnp.array([len(sentence) for sentence in targets])
    ours, theirs = (
        jnp.asarray([[ids[tag] for tag in sentence] + [0] * (longest - len(sentence)) for sentence in rows])
        for rows in (tags, targets)
    )
    mask = lengths_to_mask(lengths, longest)
    begins, inside = (jnp.array([name.startswith(prefix) for name in names]) for prefix in ("B-", "I-"))
    scores = entity_scores(ours, theirs, begins, inside, mask)
    right = ((ours == theirs) & mask).sum()
    return {"accuracy": float(right) / float(mask.sum()), **{name: mean.compute() for name, mean in scores.items()}}


def baselines(sentences: TaggedSplits) -> dict[str, dict[str, Any]]:
    """Scores of the tag that each word has most often in training."""
    held_out = {"validation": sentences.validation, "test": sentences.test}
    return {
        "most frequent tag": {
            name: tag_scores([sentence.tags for sentence in split], most_frequent_tags(sentences.train, split))
            for name, split in held_out.items()
        }
    }


def seqeval_scores(targets: Tags, tags: Tags) -> dict[str, Any]:
    """``seqeval_f1`` over all entities and ``f1_TYPE`` of each type, as the library seqeval has them; {} without it.

    It is in the extra ``text``. Its strict mode takes tags for what they are in IOB2.
    """
    try:
        from seqeval.metrics import classification_report
        from seqeval.scheme import IOB2
    except ImportError:
        return {}
    expected, found = [list(row) for row in targets], [list(row) for row in tags]
    if not any(tag != "O" for row in [*expected, *found] for tag in row):
        return {"seqeval_f1": 0.0}  # It has no report on nothing.
    options: dict[str, Any] = {"mode": "strict", "scheme": IOB2, "output_dict": True, "zero_division": 0}
    report: Any = classification_report(expected, found, **options)
    averages = {"micro avg", "macro avg", "weighted avg"}
    by_type = {f"f1_{kind}": float(row["f1-score"]) for kind, row in report.items() if kind not in averages}
    return {"seqeval_f1": float(report["micro avg"]["f1-score"]), **by_type}
