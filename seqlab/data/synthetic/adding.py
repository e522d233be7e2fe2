"""The adding problem: of T numbers, two are marked; say their sum.

    inputs [B, T, 2]: a value, uniform in [0, 1), and a marker, which is 1 at two steps and 0 elsewhere
    target [B]:       the sum of the two marked values

The first marker is in the first half of the sequence and the second in the second, so that something has to be kept
over about T / 2 steps, and the noise between must be kept out. Who ignores the inputs says 1, at a mean squared error
of 1/6: the variance of a sum of two uniform numbers.

References:
    Hochreiter and Schmidhuber, Long short-term memory, 1997, experiment 4; in the form of Arjovsky et al., 2016, and
    Bai et al., 2018 (who print 0.1767 for 1/6).
"""

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch

CHANCE_SQUARED_ERROR = 1 / 6


def adding_batch(rng: np.random.Generator, batch_size: int, num_steps: int) -> Batch:
    """Draws rows of ``num_steps`` values.

    Raises:
        SeqlabError: fewer than two steps.

    >>> batch = adding_batch(np.random.default_rng(0), 3, 8)
    >>> batch.inputs.shape, batch.targets.shape, batch.inputs[..., 1].sum(axis=1).tolist()
    ((3, 8, 2), (3,), [2.0, 2.0, 2.0])
    """
    if num_steps < 2:
        raise SeqlabError(f"the adding problem needs at least 2 steps, one a marker; got {num_steps}.")
    values = rng.random((batch_size, num_steps), dtype=np.float32)
    half, rows = num_steps // 2, np.arange(batch_size)
    first, second = rng.integers(0, half, batch_size), rng.integers(half, num_steps, batch_size)
    markers = np.zeros_like(values)
    markers[rows, first] = markers[rows, second] = 1
    return Batch(np.stack([values, markers], axis=-1), values[rows, first] + values[rows, second])
