"""Arrays that may be more than memory holds: the first ones stay there, the others lie in a file without a name.

The file is mapped, so that it reads as arrays do; the system brings in the pages that a batch needs, and lets go of
others when memory runs short. It is in the folder for temporary files (``TMPDIR``), and gone with the process.
"""

import os
import tempfile

import numpy as np

from seqlab.core.errors import SeqlabError

IN_MEMORY = 2**30
# Arrays share mappings of this size, as a process may have no more than some ten thousand of them.
SEGMENT = 2**28
ALIGNMENT = 64


class PagedArrays:
    """Keeps arrays, in memory as long as they are at most ``in_memory`` bytes together.

    >>> paged = PagedArrays(in_memory=8)
    >>> [paged.keep(np.arange(3) + row).tolist() for row in range(2)]
    [[0, 1, 2], [1, 2, 3]]
    """

    def __init__(self, in_memory: int = IN_MEMORY, segment: int = SEGMENT) -> None:
        self._left, self._segment_size = in_memory, segment
        self._segment, self._used = np.zeros(0, np.uint8), 0

    def keep(self, array: np.ndarray) -> np.ndarray:
        """The array, or one that is equal to it and read-only.

        Raises:
            SeqlabError: there is no room for the file.
        """
        if array.nbytes <= self._left:
            self._left -= array.nbytes
            return array
        start = -(-self._used // ALIGNMENT) * ALIGNMENT
        if start + array.nbytes > len(self._segment):
            self._segment, start = _mapped(max(self._segment_size, array.nbytes)), 0
        self._used = start + array.nbytes
        kept = self._segment[start : self._used].view(array.dtype).reshape(array.shape)
        kept[...] = array
        kept.flags.writeable = False
        return kept


def _mapped(num_bytes: int) -> np.ndarray:
    """So many bytes of a new file."""
    try:
        with tempfile.TemporaryFile(prefix="seqlab_") as file:
            # Reserved at once: where a mapped file finds no room later, the process is killed.
            os.posix_fallocate(file.fileno(), 0, num_bytes)
            return np.asarray(np.memmap(file, np.uint8, "r+", shape=(num_bytes,)))
    except OSError as error:
        raise SeqlabError(
            f"{tempfile.gettempdir()}: expected room for {num_bytes} bytes of data that are more than {IN_MEMORY} in "
            f"memory; {error.strerror}. Name another folder with TMPDIR."
        ) from error
