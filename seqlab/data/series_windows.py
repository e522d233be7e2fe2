"""Windows of a series: ``lookback`` rows to read, and the ``horizon`` rows after them to forecast.

A window belongs to the part that the rows to forecast lie in. Those rows never cross into another part, while the rows
to read may reach back into the part before, as they would have been known at the time. In training the windows are
shuffled by (seed, epoch), and those that fill no batch wait for another epoch; held-out windows come in order, and the
last batch is filled up with *fillers*, windows of length 0 that no loss or metric may count.

A missing target is nan. What is read of a row with gaps is a matter of ``gaps``:

    refuse         there are none; whoever loads the series makes sure of it
    mask           three blocks side by side [.., 3C], as in Che et al. (2018): the value that was last seen (0, the
                   mean, where none was), whether it was seen at this very step, and the steps since then
    forward_fill   the first of these blocks alone [.., C], which does not tell what is new from what is old

References:
    Che et al., Recurrent neural networks for multivariate time series with missing values, 2018.
"""

from typing import NamedTuple

import numpy as np

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.data.batch import Batch, Splits
from seqlab.data.loaders.dated_csv import check_length
from seqlab.data.series import Scaling, SeriesSplits
from seqlab.data.splits import HELD_OUT

GAPS = ("refuse", "mask", "forward_fill")


def read_of(values: np.ndarray, gaps: str) -> np.ndarray:
    """What is read of values [..., N, C], nan at gaps; see the module.

    Raises:
        SeqlabError: an unknown name.

    >>> read_of(np.array([[2.0], [np.nan]]), "forward_fill").tolist()
    [[2.0], [2.0]]
    """
    if gaps not in GAPS:
        raise unknown_name("gaps", gaps, GAPS)
    if gaps == "refuse":
        return values
    blocks = with_gaps(values)
    return blocks if gaps == "mask" else blocks[..., : values.shape[-1]]


def with_gaps(values: np.ndarray) -> np.ndarray:
    """Values [..., N, C] with nan at gaps as [..., N, 3C]: last seen, seen now, steps since.

    >>> with_gaps(np.array([[np.nan], [5.0], [np.nan]])).tolist()
    [[0.0, 0.0, 1.0], [5.0, 1.0, 0.0], [5.0, 0.0, 1.0]]
    """
    seen = np.isfinite(values)
    steps = np.arange(values.shape[-2])[:, None]
    last = np.maximum.accumulate(np.where(seen, steps, -1), axis=-2)
    filled = np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=-2), 0.0)
    return np.concatenate([filled, seen, steps - last], axis=-1)


class WindowBatches:
    """The windows whose targets are rows ``first`` to ``last - 1`` of a series.

    Args:
        inputs: what is read of each row [N, F].
        targets: what is forecast [N, C].
        first: the first row that may be forecast; the rows before it can be read.
        last: the row behind the last one that may be forecast.
        lookback: rows to read T.
        horizon: rows to forecast U.
        batch_size: windows of a batch B; all of them where there are fewer.
        seed: of the order of training.
        training: whether the order is shuffled, and what fills no batch left for another epoch.

    Attributes:
        batches_per_epoch: batches of one pass.
        starts: the first row to forecast of every window.

    >>> rows = np.arange(6.0)[:, None]
    >>> batch = WindowBatches(rows, rows, 3, 6, lookback=2, horizon=2, batch_size=3, training=False).batch(0)
    >>> batch.inputs[..., 0].tolist(), batch.targets[..., 0].tolist()
    ([[1.0, 2.0], [2.0, 3.0]], [[3.0, 4.0], [4.0, 5.0]])
    """

    def __init__(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        first: int,
        last: int,
        *,
        lookback: int,
        horizon: int,
        batch_size: int,
        seed: int = 0,
        training: bool = True,
    ) -> None:
        if min(lookback, horizon, batch_size) < 1 or seed < 0:
            raise SeqlabError(
                f"lookback, horizon and batch_size must be at least 1 and seed at least 0; got {lookback}, {horizon}, "
                f"{batch_size} and {seed}."
            )
        self.starts = np.arange(max(first, lookback), last - horizon + 1)
        if not self.starts.size:
            raise SeqlabError(
                f"expected a window of {lookback} + {horizon} rows; rows {first} to {last - 1} have none."
            )
        self.batch_size = min(batch_size, self.starts.size)
        whole = self.starts.size // self.batch_size
        self.batches_per_epoch = whole if training else -(-self.starts.size // self.batch_size)
        self._inputs, self._targets = inputs.astype(np.float32), targets.astype(np.float32)
        self._read, self._ahead = np.arange(-lookback, 0), np.arange(horizon)
        self._seed, self._training = seed, training
        self._last_epoch, self._last_order = -1, self.starts

    def sample(self, most: int) -> Batch:
        """All windows in order, or ``most`` of them at even distances where there are more."""
        step = -(-self.starts.size // most)
        return self.windows(self.starts[::step])

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0 over all epochs; ``rows`` are the first rows to forecast.

        Raises:
            SeqlabError: a step below 0.
        """
        if step < 0:
            raise SeqlabError(f"step must be at least 0; got {step}.")
        epoch, index = divmod(step, self.batches_per_epoch)
        if self._training and epoch != self._last_epoch:
            rng = np.random.default_rng((self._seed, epoch))
            self._last_epoch, self._last_order = epoch, rng.permutation(self.starts)
        chosen = self._last_order[index * self.batch_size : (index + 1) * self.batch_size]
        if self._training:
            return self.windows(chosen)
        lengths = np.zeros(self.batch_size, np.int32)
        lengths[: len(chosen)] = len(self._read)
        fillers = np.full(self.batch_size - len(chosen), chosen[0])
        return self.windows(np.concatenate([chosen, fillers]))._replace(lengths=lengths)

    def windows(self, starts: np.ndarray) -> Batch:
        """The windows whose first rows to forecast are ``starts``."""
        inputs = self._inputs[starts[:, None] + self._read]
        return Batch(inputs, self._targets[starts[:, None] + self._ahead], rows=starts.astype(np.int32))


class SeriesWindows(NamedTuple):
    """A series in windows, and what they were cut from.

    Attributes:
        train: the windows of the training part.
        validation: those of the validation part.
        test: those of the test part.
        scaled: the training rows [N, C], scaled, nan where they have gaps.
    """

    train: WindowBatches
    validation: WindowBatches
    test: WindowBatches
    scaled: np.ndarray

    def splits(self) -> Splits:
        """The three parts as a task has them."""
        return Splits(self.train, self.validation, self.test)


def series_windows(
    parts: SeriesSplits,
    scaling: Scaling,
    *,
    lookback: int,
    horizon: int,
    gaps: str,
    batch_size: int,
    eval_batch_size: int,
    seed: int,
) -> SeriesWindows:
    """All windows of a series in three parts.

    Raises:
        SeqlabError: a part that is too short, sizes below 1, or an unknown name.
    """
    check_length(
        parts.train, lookback + horizon, f"--lookback={lookback} and --horizon={horizon}, in the training part"
    )
    for name in HELD_OUT:
        check_length(getattr(parts, name), horizon, f"--horizon={horizon}, in the {name} part")
    scaled = scaling.scale(np.concatenate([part.values for part in parts.parts]))
    inputs = read_of(scaled, gaps)
    ends = np.cumsum([0, *(len(part.values) for part in parts.parts)]).tolist()
    train, validation, test = (
        WindowBatches(
            inputs,
            scaled,
            ends[place],
            ends[place + 1],
            lookback=lookback,
            horizon=horizon,
            batch_size=batch_size if place == 0 else eval_batch_size,
            seed=seed,
            training=place == 0,
        )
        for place in range(3)
    )
    return SeriesWindows(train, validation, test, scaled[: ends[1]])
