"""Copy memory: ten symbols, a long wait, a sign; then say the ten symbols again.

    step      0 .. 9    10 .. T + 8    T + 9       T + 10 .. T + 19
    inputs    symbols   blanks         delimiter   blanks
    targets   blanks    blanks         blank       the symbols again

Id 0 is the blank, 1 to 8 are the symbols, 9 the delimiter. Who remembers nothing says blanks and then guesses: a cross
entropy of 10 ln 8 / (T + 20) nats a step, and one symbol in eight.

References:
    Hochreiter and Schmidhuber, 1997; in the form of Arjovsky et al., Unitary evolution recurrent neural networks, 2016.
"""

import math

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch

NUM_COPIED, NUM_SYMBOLS = 10, 8
BLANK, DELIMITER = 0, NUM_SYMBOLS + 1
NUM_IDS = NUM_SYMBOLS + 2
NUM_TARGETS = NUM_SYMBOLS + 1  # The delimiter is never said.


def chance_loss(num_blanks: int) -> float:
    """The best mean cross entropy, in nats, of who remembers nothing: 10 ln 8 / (T + 20).

    >>> round(chance_loss(1000), 4)
    0.0204
    """
    return NUM_COPIED * math.log(NUM_SYMBOLS) / (num_blanks + 2 * NUM_COPIED)


def with_blanks(symbols: np.ndarray, num_blanks: int) -> np.ndarray:
    """The inputs [B, T + 20] for symbols [B, 10] and T = ``num_blanks``.

    Raises:
        SeqlabError: ``num_blanks`` below 1, as the delimiter takes the place of the last of them.
    """
    if num_blanks < 1:
        raise SeqlabError(f"copy memory needs at least 1 step between reading and saying; got {num_blanks}.")
    inputs = np.full((len(symbols), num_blanks + 2 * NUM_COPIED), BLANK, np.int32)
    inputs[:, :NUM_COPIED] = symbols
    inputs[:, -NUM_COPIED - 1] = DELIMITER
    return inputs


def copy_memory_batch(rng: np.random.Generator, batch_size: int, num_blanks: int) -> Batch:
    """Draws rows of T + 20 ids, with T = ``num_blanks``.

    >>> batch = copy_memory_batch(np.random.default_rng(0), 2, 5)
    >>> bool((batch.targets[:, -10:] == batch.inputs[:, :10]).all()), batch.inputs.shape
    (True, (2, 25))
    """
    symbols = rng.integers(1, NUM_SYMBOLS + 1, (batch_size, NUM_COPIED), dtype=np.int32)
    inputs = with_blanks(symbols, num_blanks)
    targets = np.full_like(inputs, BLANK)
    targets[:, -NUM_COPIED:] = symbols
    return Batch(inputs, targets)
