"""Losses: pure functions that return (weighted sum, weight)."""

from seqlab.losses.cross_entropy import WeightedSum, softmax_cross_entropy

__all__ = ["WeightedSum", "softmax_cross_entropy"]
