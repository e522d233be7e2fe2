"""Losses: pure functions that return (weighted sum, weight)."""

from seqlab.losses.binary_cross_entropy import binary_cross_entropy
from seqlab.losses.crf import crf_negative_log_likelihood
from seqlab.losses.cross_entropy import WeightedSum, softmax_cross_entropy
from seqlab.losses.ctc import ctc_negative_log_likelihood
from seqlab.losses.squared_error import squared_error

__all__ = [
    "WeightedSum",
    "binary_cross_entropy",
    "crf_negative_log_likelihood",
    "ctc_negative_log_likelihood",
    "softmax_cross_entropy",
    "squared_error",
]
