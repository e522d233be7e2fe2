"""The oracle of convolutions: their definition, a sum over the positions of a kernel, position by position."""

import numpy as np


def convolve(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """[B, *S, F] with a kernel [*K, F, G], zeros beyond the borders; an even kernel has one position more behind."""
    *sizes, _, width = kernel.shape
    space = values.shape[1:-1]
    sums = np.zeros((*values.shape[:-1], width))
    for here in np.ndindex(*space):
        for offset in np.ndindex(*sizes):
            there = tuple(s + o - (size - 1) // 2 for s, o, size in zip(here, offset, sizes, strict=True))
            if all(0 <= t < extent for t, extent in zip(there, space, strict=True)):
                sums[(slice(None), *here)] += values[(slice(None), *there)] @ kernel[offset]
    return sums


def gate_kernels(kernel: np.ndarray, kernel_size: tuple[int, ...], num_gates: int) -> list[np.ndarray]:
    """One of our kernels [K F, G] as one kernel [*K, F, H] for each gate."""
    rows, columns = kernel.shape
    return np.split(kernel.reshape(*kernel_size, rows // np.prod(kernel_size), columns), num_gates, axis=-1)
