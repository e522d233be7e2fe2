"""Rows of unequal length as batches of few shapes, with little padding.

A batch is as long as its longest row, and every new length is compiled anew. So rows of similar length go together,
and a batch is padded to one of at most six lengths, the buckets. These are chosen such that padding every row to the
next of them adds as few steps as can be, which a dynamic program finds.

An epoch of training is a function of (seed, epoch): rows are shuffled within their bucket, cut into batches, and the
batches are shuffled. In evaluation the rows come by length, the same in every epoch. Either way every row comes once
an epoch. Where the rows fill no whole number of batches, one batch of the shortest ones is filled up with *fillers*:
rows of length 0 that no loss or metric may count.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch, Splits

MAX_BUCKETS = 6
MAX_CANDIDATES = 512
# Fewer buckets than six do where they pad no more than this: every one of them costs the time to compile it.
ENOUGH = 0.12
FILLER = -1


def bucket_lengths(
    lengths: Sequence[int] | np.ndarray, max_buckets: int = MAX_BUCKETS, enough: float = ENOUGH
) -> tuple[int, ...]:
    """The lengths to pad to: at most ``max_buckets``, growing, the last one the longest of ``lengths``.

    They are the fewest whose share of padding is at most ``enough``, and of as many those that minimise the steps after
    padding, sum_i min {b : b >= lengths_i}. Beyond 512 different lengths the choice is
    among 512 quantiles of them.

    Raises:
        SeqlabError: no lengths, a length below 1, or ``max_buckets`` below 1.

    >>> bucket_lengths([2, 2, 3, 9, 10])
    (3, 10)
    """
    lengths = np.asarray(lengths, np.int64)
    if not lengths.size or lengths.min() < 1 or max_buckets < 1:
        shortest = lengths.min() if lengths.size else "no rows"
        raise SeqlabError(f"rows must have at least one step, in at least 1 bucket; got {shortest} and {max_buckets}.")
    candidates = np.unique(lengths)
    if len(candidates) > MAX_CANDIDATES:
        places = np.linspace(0, lengths.size - 1, MAX_CANDIDATES).round().astype(int)
        candidates = np.unique(np.sort(lengths)[places])
    rows_up_to = np.searchsorted(np.sort(lengths), candidates, side="right")
    # cost[j]: the fewest steps for all rows up to candidates[j] in the buckets so far, candidates[j] the last of them.
    cost = rows_up_to * candidates
    befores: list[np.ndarray] = []
    for _ in range(min(max_buckets, len(candidates)) - 1):
        if cost[-1] * (1 - enough) <= lengths.sum():
            break
        rows_between = rows_up_to[None, :] - rows_up_to[:, None]
        by_before = cost[:, None] + rows_between * candidates[None, :]
        by_before[rows_between < 0] = np.iinfo(np.int64).max
        befores.append(by_before.argmin(axis=0))
        cost = by_before.min(axis=0)
    chosen = [len(candidates) - 1]
    for before in reversed(befores):
        chosen.append(int(before[chosen[-1]]))
    return tuple(int(candidates[index]) for index in sorted(set(chosen)))


class BucketedBatches:
    """A split whose rows have unequal lengths: ``seqlab.data.batch.RaggedBatches``.

    Args:
        rows: all rows in one ``Batch``. A leaf that is a list holds one array [T_i, ...] a row, of ``lengths[i]``
            steps, and becomes [B, T, ...], zeros at padding; a leaf that is an array [N, ...] is taken row by row.
            Leaves may stand in dicts and tuples. ``lengths`` [N] must be there; with ``target_lengths`` [N] a row is as
            long as the longer of its two sequences, and both are padded alike. ``rows``, where it is not there,
            becomes 0 to N - 1, and a filler's is -1.
        batch_size: rows of a batch B; all rows where there are fewer.
        buckets: lengths to pad to, growing; `bucket_lengths` finds them.
        seed: of the order of training.
        training: whether the order is shuffled; otherwise rows come by length.

    Attributes:
        batch_size: B.
        batches_per_epoch: batches that hold every row once.
        num_shapes: how many lengths batches have.
        padding_share: the share of padding, fillers included, in the steps of an epoch, of inputs and of unaligned
            targets together; all epochs have the same.

    Raises:
        SeqlabError: a row that is empty or longer than the last bucket, or ``batch_size`` below 1.

    >>> texts = [np.array([7, 8, 9]), np.array([5])]
    >>> batches = BucketedBatches(Batch(texts, np.array([0, 1]), lengths=np.array([3, 1])), 1, (1, 3), training=False)
    >>> batches.batch(0).inputs.tolist(), batches.batch(1).inputs.tolist()
    ([[5]], [[7, 8, 9]])
    """

    def __init__(
        self, rows: Batch, batch_size: int, buckets: Sequence[int], *, seed: int = 0, training: bool = True
    ) -> None:
        lengths = _row_lengths(rows)
        num_rows = len(lengths)
        if batch_size < 1 or seed < 0:
            raise SeqlabError(f"batch_size must be at least 1 and seed at least 0; got {batch_size} and {seed}.")
        if not num_rows or lengths.min() < 1 or lengths.max() > max(buckets):
            found = f"{lengths.min()} to {lengths.max()}" if num_rows else "no rows"
            raise SeqlabError(f"lengths of rows must lie in [1, {max(buckets)}], the last bucket; got {found}.")
        self.batch_size = min(batch_size, num_rows)
        self.batches_per_epoch = -(-num_rows // self.batch_size)
        provenance = np.arange(num_rows, dtype=np.int32) if rows.rows is None else rows.rows
        self._rows = rows._replace(lengths=np.asarray(rows.lengths, np.int32), rows=provenance)
        self._row_lengths = lengths
        self._buckets = np.asarray(buckets)
        self._bucket_of = np.searchsorted(self._buckets, lengths)
        # Rows are cut by growing bucket, so a batch's last row has its bucket: in every epoch the same ones.
        of_batches = self._buckets[self._bucket_of[self._cut(np.argsort(self._bucket_of, kind="stable"))[:, -1]]]
        self.num_shapes = len(np.unique(of_batches))
        sequences = [rows.lengths] if rows.target_lengths is None else [rows.lengths, rows.target_lengths]
        steps = len(sequences) * of_batches.sum() * self.batch_size
        self.padding_share = float(1 - np.sum(sequences) / steps)
        self._seed, self._training = seed, training
        self._last_epoch, self._last_order = -1, np.zeros(0, np.int64)

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0 over all epochs; numpy arrays, T one of the buckets.

        Raises:
            SeqlabError: a step below 0.
        """
        if step < 0:
            raise SeqlabError(f"step must be at least 0; got {step}.")
        epoch, index = divmod(step, self.batches_per_epoch)
        if epoch != self._last_epoch:
            self._last_epoch, self._last_order = epoch, self._order(epoch)
        chosen = self._last_order[index]
        num_steps = int(self._buckets[self._bucket_of[chosen[chosen != FILLER]].max()])
        batch = _take(self._rows, chosen, num_steps)
        return batch._replace(rows=np.where(chosen == FILLER, FILLER, batch.rows))

    def _order(self, epoch: int) -> np.ndarray:
        """The rows of each batch of an epoch [batches, B]; fillers are -1."""
        lengths = self._row_lengths
        if not self._training:
            return self._cut(np.argsort(lengths, kind="stable"))
        rng = np.random.default_rng((self._seed, epoch))
        shuffled = rng.permutation(len(lengths))
        batches = self._cut(shuffled[np.argsort(self._bucket_of[shuffled], kind="stable")])
        return batches[rng.permutation(len(batches))]

    def _cut(self, order: np.ndarray) -> np.ndarray:
        num_fillers = self.batches_per_epoch * self.batch_size - len(order)
        return np.concatenate([np.full(num_fillers, FILLER), order]).reshape(-1, self.batch_size)


def bucketed_splits(
    train: Batch,
    validation: Batch,
    test: Batch,
    *,
    batch_size: int,
    eval_batch_size: int,
    seed: int,
    enough: float = ENOUGH,
) -> Splits:
    """The three splits in the same buckets, so that all are compiled for at most six lengths; see `BucketedBatches`.

    The buckets fit the batches of all three; nothing else of the held-out rows matters here.

    Raises:
        SeqlabError: as in `BucketedBatches`.
    """
    sizes = {"train": batch_size, "validation": eval_batch_size, "test": eval_batch_size}
    splits = {"train": train, "validation": validation, "test": test}
    # A batch is as long as its longest row, so it is batches that are to be fitted, and not rows.
    longest = [_longest_of_batches(_row_lengths(splits[name]), size) for name, size in sizes.items()]
    buckets = bucket_lengths(np.concatenate(longest), enough=enough)
    return Splits(
        *(
            BucketedBatches(rows, sizes[name], buckets, seed=seed, training=name == "train")
            for name, rows in splits.items()
        )
    )


def _row_lengths(rows: Batch) -> np.ndarray:
    """The steps that each row needs [N]: those of its inputs, or of its unaligned targets where these are longer."""
    lengths = np.asarray(rows.lengths, np.int32)
    return lengths if rows.target_lengths is None else np.maximum(lengths, rows.target_lengths)


def _longest_of_batches(lengths: np.ndarray, batch_size: int) -> np.ndarray:
    """The longest row of each batch of rows by length, once for every row of a batch."""
    size = max(1, min(batch_size, len(lengths)))
    return np.repeat(np.sort(lengths)[::-size], size)


def _take(leaf: Any, chosen: np.ndarray, num_steps: int) -> Any:
    """The chosen rows of a leaf, or of all leaves of a tree of tuples and dicts; zeros where a filler is chosen."""
    if leaf is None:
        return None
    if isinstance(leaf, np.ndarray):
        taken = leaf[chosen]
        taken[chosen == FILLER] = 0
        return taken
    if isinstance(leaf, list):
        padded = np.zeros((len(chosen), num_steps, *leaf[0].shape[1:]), leaf[0].dtype)
        for place, row in enumerate(chosen.tolist()):
            if row != FILLER:
                padded[place, : len(leaf[row])] = leaf[row]
        return padded
    if isinstance(leaf, dict):
        return {name: _take(part, chosen, num_steps) for name, part in leaf.items()}
    parts = [_take(part, chosen, num_steps) for part in leaf]
    return type(leaf)(*parts) if hasattr(leaf, "_fields") else tuple(parts)
