"""Metrics: accumulators, and what is computed from them."""

from seqlab.metrics.accumulate import Mean, Metrics, accuracy, compute, merge, sum_steps
from seqlab.metrics.language import bits, language_scores, perplexity
from seqlab.metrics.regression import share_within
from seqlab.metrics.spans import entity_scores

__all__ = [
    "Mean",
    "Metrics",
    "accuracy",
    "bits",
    "compute",
    "entity_scores",
    "language_scores",
    "merge",
    "perplexity",
    "share_within",
    "sum_steps",
]
