"""Flax layers: recurrence over time in one or both directions, stacks, embedding, dense, dropout."""

from seqlab.layers.config import RecurrentConfig
from seqlab.layers.dense import Dense
from seqlab.layers.dropout import Dropout
from seqlab.layers.embedding import Embedding
from seqlab.layers.recurrent import Bidirectional, Recurrent
from seqlab.layers.stacked import Stacked

__all__ = ["Bidirectional", "Dense", "Dropout", "Embedding", "Recurrent", "RecurrentConfig", "Stacked"]
