"""Temporal order: among many letters there are two that matter, each X or Y; say which came first and which second.

    E a d b X c a ... b Y d c ... a B     ->  XY

A row of T letters begins with E and ends with B. One X or Y is at a step in [T/10, T/5), the other in [T/2, 3T/5), all
else is drawn from a, b, c, d. So the second stands at least 2T/5 steps before the end, the first 4T/5. There are four
classes of equal probability.

References:
    Hochreiter and Schmidhuber, Long short-term memory, 1997, experiment 6a, where T is 100 to 110.
"""

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch

LETTERS = "abcdXYEB"
CLASSES = ("XX", "XY", "YX", "YY")
NUM_DISTRACTORS = LETTERS.index("X")
SHORTEST = 10


def temporal_order_batch(rng: np.random.Generator, batch_size: int, num_steps: int) -> Batch:
    """Draws rows of ``num_steps`` ids, places in ``LETTERS``, and their classes, places in ``CLASSES``.

    Raises:
        SeqlabError: fewer than 10 steps.

    >>> batch = temporal_order_batch(np.random.default_rng(1), 1, 10)
    >>> "".join(LETTERS[letter] for letter in batch.inputs[0]), CLASSES[batch.targets[0]]
    ('EYddaXddaB', 'YX')
    """
    if num_steps < SHORTEST:
        raise SeqlabError(f"temporal order needs at least {SHORTEST} steps; got {num_steps}.")
    inputs = rng.integers(NUM_DISTRACTORS, size=(batch_size, num_steps), dtype=np.int32)
    inputs[:, 0], inputs[:, -1] = LETTERS.index("E"), LETTERS.index("B")
    is_y = rng.integers(2, size=(batch_size, 2), dtype=np.int32)
    tenths = np.arange(11) * num_steps // 10
    places = np.stack([rng.integers(tenths[k], tenths[k + 1], batch_size) for k in (1, 5)], axis=1)
    inputs[np.arange(batch_size)[:, None], places] = NUM_DISTRACTORS + is_y
    return Batch(inputs, 2 * is_y[:, 0] + is_y[:, 1])
