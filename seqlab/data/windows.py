"""A long stream of tokens, cut into windows that follow each other.

A language model reads token after token and says the next one. Its text is one stream of N ids; with the boundary
token put before it, every one of the N ids is a target. The stream is cut into B parallel streams, and batch k of an
epoch is window k of each:

    epoch:    | stream 0: window 0, 1, 2, ... | stream 1: window 0, 1, 2, ... | ...
    batch k:  window k of stream 0, window k of stream 1, ...           [B, T]

so that the carry after batch k is what batch k + 1 goes on from, row by row (truncated back-propagation through time).
"""

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch


class StreamWindows:
    """Batches of windows, for training or for evaluation.

    Training: every window is full and ``lengths`` is ``None``. Each epoch begins at an offset in [0, T) of its own,
    drawn from (seed, epoch), so that epochs cut the text at different places; what then does not fill a window, fewer
    than 2 T tokens a stream, is passed over until an offset reaches it. No token is a target twice in an epoch.

    Evaluation: every token is a target exactly once in an epoch. Streams differ by at most one token, and where one
    has ended its windows are padded with id 0; ``lengths`` [B] is always given, and may be 0. A text with fewer than
    B windows is cut into fewer streams: see ``batch_size``.

    In both, ``starts`` is true in an epoch's first window and false after it, and ``rows`` is the position in ``ids``
    of each row's first target.

    Args:
        ids: the split's tokens [N].
        batch_size: number of parallel streams B. In evaluation only the first stream begins with an empty past in
            truth, so that fewer streams give a truer score, and more a faster one.
        window_size: number of time steps of a window T.
        seed: what the offsets are drawn from, at least 0.
        boundary_id: the token that stands before the first.
        training: which of the two.

    Raises:
        SeqlabError: ids that are no vector of whole numbers from 0 on, sizes below 1, or too few tokens.

    >>> windows = StreamWindows(np.arange(10, 16), 2, 2, seed=0, boundary_id=1, training=False)
    >>> windows.batch(0).inputs.tolist(), windows.batch(0).targets.tolist()
    ([[1, 10], [12, 13]], [[10, 11], [13, 14]])
    >>> windows.batch(1).targets.tolist(), windows.batch(1).lengths.tolist()
    ([[12, 0], [15, 0]], [1, 1])
    """

    def __init__(
        self,
        ids: np.ndarray,
        batch_size: int,
        window_size: int,
        *,
        seed: int = 0,
        boundary_id: int,
        training: bool,
    ):
        if batch_size < 1 or window_size < 1:
            raise SeqlabError(f"batch_size and window_size must be at least 1; got {batch_size} and {window_size}.")
        if seed < 0:
            raise SeqlabError(f"seed must be at least 0; got {seed}.")
        if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer) or (ids.size and ids.min() < 0):
            raise SeqlabError(f"ids must be a vector of integers from 0 on; got {ids.dtype}{list(ids.shape)}.")
        _check_length(ids.size, batch_size, window_size, training)
        self.batch_size = batch_size if training else min(batch_size, max(1, ids.size // window_size))
        self.window_size = window_size
        self._seed = seed
        self._training = training
        self._stream = np.concatenate([np.asarray([boundary_id], np.int32), ids.astype(np.int32)])
        # Target p is stream[p + 1], and its input stream[p]. Stream b owns the targets bounds[b] to bounds[b + 1];
        # in training the last T - 1 are left over, for the offset to move into.
        owned = ids.size - (window_size - 1) * training
        self._bounds = np.arange(self.batch_size + 1) * owned // self.batch_size
        sizes = np.diff(self._bounds)
        self._windows = int(sizes.min() // window_size if training else -(-sizes.max() // window_size))

    @property
    def batches_per_epoch(self) -> int:
        """How many windows a stream has."""
        return self._windows

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0 over all epochs; a function of (seed, step) alone.

        Raises:
            SeqlabError: a step below 0.
        """
        if step < 0:
            raise SeqlabError(f"step must be at least 0; got {step}.")
        epoch, window = divmod(step, self._windows)
        rows = self._bounds[:-1] + window * self.window_size
        if self._training:
            rows = rows + np.random.default_rng((self._seed, epoch)).integers(self.window_size)
        positions = rows[:, None] + np.arange(self.window_size)
        starts = np.full(self.batch_size, window == 0)
        if self._training:
            inputs, targets = self._stream[positions], self._stream[positions + 1]
            return Batch(inputs, targets, starts=starts, rows=rows.astype(np.int32))
        valid = positions < self._bounds[1:, None]
        inputs = np.where(valid, self._stream[np.where(valid, positions, 0)], 0)
        targets = np.where(valid, self._stream[np.where(valid, positions + 1, 0)], 0)
        lengths = valid.sum(axis=1, dtype=np.int32)
        return Batch(inputs, targets, lengths, starts=starts, rows=rows.astype(np.int32))


def _check_length(num_ids: int, batch_size: int, window_size: int, training: bool) -> None:
    needed = batch_size * window_size + window_size - 1
    if training and num_ids < needed:
        raise SeqlabError(
            f"the training split has {num_ids} tokens, expected at least batch_size * window_size + window_size - 1 = "
            f"{needed}; lower --batch_size ({batch_size}) or --window_size ({window_size})."
        )
    if num_ids < 1:
        raise SeqlabError("a split to evaluate on has 0 tokens, expected at least 1; use a longer text.")
