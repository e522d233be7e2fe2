"""Splits of rows that are made when they are asked for.

Training never sees a row twice: the batch of a step is drawn from (seed, step). Validation and test are the same few
batches for every seed, so that runs of different seeds are scored on the same rows; the three splits draw from streams
of their own.
"""

from collections.abc import Callable

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch, Splits

# (generator, number of rows) -> batch, of the same shapes at each call.
MakeBatch = Callable[[np.random.Generator, int], Batch]

STEPS_PER_EPOCH = 100
VALIDATION_ROWS, TEST_ROWS = 1024, 4096


class GeneratedBatches:
    """Batches from a function of a random generator.

    Args:
        make: draws a batch.
        batch_size: rows of a batch B.
        batches_per_epoch: batches after which one counts an epoch.
        stream: what the generator is seeded by, together with the batch's number.
        repeats: whether every epoch has the same batches; otherwise each step has new ones.

    Raises:
        SeqlabError: sizes below 1, or a negative number in ``stream``.

    >>> batches = GeneratedBatches(lambda rng, rows: Batch(rng.random(rows), None), 3, 2, stream=(0,), repeats=True)
    >>> bool((batches.batch(5).inputs == batches.batch(1).inputs).all())
    True
    """

    def __init__(
        self, make: MakeBatch, batch_size: int, batches_per_epoch: int, *, stream: tuple[int, ...], repeats: bool
    ) -> None:
        if batch_size < 1 or batches_per_epoch < 1:
            raise SeqlabError(
                f"batch_size and batches_per_epoch must be at least 1; got {batch_size}, {batches_per_epoch}."
            )
        if min(stream) < 0:
            raise SeqlabError(f"seed must be at least 0; got {min(stream)}.")
        self.batch_size, self.batches_per_epoch = batch_size, batches_per_epoch
        self._make, self._stream, self._repeats = make, stream, repeats

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0 over all epochs.

        Raises:
            SeqlabError: a step below 0.
        """
        if step < 0:
            raise SeqlabError(f"step must be at least 0; got {step}.")
        index = step % self.batches_per_epoch if self._repeats else step
        return self._make(np.random.default_rng((*self._stream, index)), self.batch_size)


def generated_splits(make: MakeBatch, *, batch_size: int, eval_batch_size: int, seed: int) -> Splits:
    """Endless training batches of the seed, and 1024 validation and 4096 test rows that do not depend on it.

    Where these numbers are no multiples of ``eval_batch_size``, they are rounded up to the next.
    """

    def held_out(number: int, rows: int) -> GeneratedBatches:
        num_batches = -(-rows // max(1, eval_batch_size))
        return GeneratedBatches(make, eval_batch_size, num_batches, stream=(number, 0), repeats=True)

    return Splits(
        train=GeneratedBatches(make, batch_size, STEPS_PER_EPOCH, stream=(0, seed), repeats=False),
        validation=held_out(1, VALIDATION_ROWS),
        test=held_out(2, TEST_ROWS),
    )
