"""One batch type for every task.

A batch is a tuple of arrays whose first axis is the row (one sequence, or one window of a long stream). Fields that a
task has no use for stay ``None``: they are then no leaves of the tree, and the engines skip the work that they stand
for (no lengths, no masking).
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable


class Batch(NamedTuple):
    """Rows that are trained on together.

    Attributes:
        inputs: what the model reads: token ids [B, T], or features [B, T, F].
        targets: what it should say: ids [B, T] (aligned), [B] (many to one) or [B, U] (unaligned).
        lengths: number of valid time steps of each row's inputs [B]; ``None`` where every step is valid.
        target_lengths: the same for unaligned targets [B].
        starts: whether a row begins a sequence of its own [B]; where it is false the row goes on from the same row of
            the batch before, and the carry is handed over. ``None`` where every row stands alone.
        rows: where each row came from: its index in the split, or its first token's position in the stream [B].
        groups: a number of each row by which scores are told apart, such as the distance of a dependency [B].
    """

    inputs: Any
    targets: Any
    lengths: Any = None
    target_lengths: Any = None
    starts: Any = None
    rows: Any = None
    groups: Any = None


@runtime_checkable
class Batches(Protocol):
    """A split as batches: a pure function of the step, so that a resumed run reads what the uninterrupted one would."""

    @property
    def batches_per_epoch(self) -> int:
        """How many batches one pass over the split takes."""
        ...

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0 over all epochs; numpy arrays of the same shapes at every step."""
        ...


@runtime_checkable
class RaggedBatches(Batches, Protocol):
    """Batches of a few shapes instead of one, as ``seqlab.data.buckets`` makes them of rows of unequal length."""

    @property
    def num_shapes(self) -> int:
        """How many shapes batches have."""
        ...

    @property
    def padding_share(self) -> float:
        """The share of padding in the steps of an epoch."""
        ...


class Splits(NamedTuple):
    """The three splits that every task has; ``test`` is read by the final evaluation alone."""

    train: Batches
    validation: Batches
    test: Batches
