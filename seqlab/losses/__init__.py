"""Losses: pure functions that return (weighted sum, weight)."""

from seqlab.losses.cross_entropy import WeightedSum, softmax_cross_entropy
from seqlab.losses.squared_error import squared_error

__all__ = ["WeightedSum", "softmax_cross_entropy", "squared_error"]
