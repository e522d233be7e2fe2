"""Cells over space: the two matrix products of a recurrent cell become convolutions (Shi et al., 2015).

A convolution is a matrix product too, over *windows*: at each position, the inputs of all positions that the kernel
covers there, side by side. So a cell becomes convolutional when its inputs and its hidden state are replaced by their
windows before each product. The rest of it, its engines included, sees space as more rows of a batch.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from seqlab.cells.base import Cell, ParamSpec
from seqlab.cells.initializers import Initializer
from seqlab.core.array_types import Array, Carry, Float, Key, Params
from seqlab.core.errors import SeqlabError


def windows(values: Float[Array, "*S F"], kernel_size: tuple[int, ...]) -> Float[Array, "*S K"]:
    """At each position, the values of the positions that a kernel covers there, zeros beyond the borders.

    As many axes as ``kernel_size`` has sizes, those before the last, are space; what is before them is a batch. An even
    kernel covers one position more behind than before. (K is the number of positions in a window.)

    >>> windows(jnp.array([[1.0], [2.0], [3.0]]), (3,)).tolist()
    [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 0.0]]
    """
    first = values.ndim - 1 - len(kernel_size)
    space = values.shape[first:-1]
    borders = [((size - 1) // 2, size // 2) for size in kernel_size]
    padded = jnp.pad(values, [(0, 0)] * first + borders + [(0, 0)])
    shifted = [
        padded[(..., *(slice(start, start + size) for start, size in zip(offset, space, strict=True)), slice(None))]
        for offset in np.ndindex(*kernel_size)
    ]
    return jnp.concatenate(shifted, axis=-1)


class ConvolutionalCell(Cell):
    """Makes a cell convolutional; a class derives from this one first and from the cell then.

    Inputs are [B, *S, F] and states [B, *S, H], where S are one or more axes of space. Where the cell has ``x W`` and
    ``h U``, there is now

        (x W)[s] = sum_k x[s + k] W[k]     (h U)[s] = sum_k h[s + k] U[k]

    over the positions k of a window centred at s, zeros beyond the borders, so that no size changes. For cells whose
    step is ``combine`` after one product with the recurrent kernel.

    Params: those of the cell, with kernels over windows: input_kernel [K F, G], recurrent_kernel [K H, G], where K is
    the number of positions of a window, the last axis of space running fastest. ``kernel.reshape(*kernel_size, F, G)``
    is the kernel as Flax and Keras lay it out.

    Attributes:
        kernel_size: extent of a window along each axis of space; its length is the number of these axes.

    Raises:
        SeqlabError: for a ``kernel_size`` that is empty or has a size below 1.
    """

    kernel_size: tuple[int, ...] = (3, 3)

    def __post_init__(self) -> None:
        """Checks the window."""
        super().__post_init__()
        if not self.kernel_size or min(self.kernel_size) < 1:
            raise SeqlabError(f"kernel_size must be sizes of at least 1, one an axis; got {self.kernel_size}.")

    @property
    def num_feature_axes(self) -> int:
        """Axes of space, and the last one."""
        return len(self.kernel_size) + 1

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """See the class."""
        specs = dict(super().param_specs(num_features))
        num_positions = prod(self.kernel_size)
        for name in ("input_kernel", "recurrent_kernel"):
            initializer, (rows, columns) = specs[name]
            specs[name] = _per_position(initializer, num_positions), (num_positions * rows, columns)
        return specs

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """The cell's own projection of windows of the inputs."""
        return super().project(params, windows(inputs, self.kernel_size))

    @nn.nowrap
    def recurrent_input(self, params: Params, carry: Carry) -> Float[Array, "*B H"]:
        """Windows of what the cell's own recurrent kernel is applied to."""
        return windows(super().recurrent_input(params, carry), self.kernel_size)

    @nn.nowrap
    def initialize_carry(self, rng: Key, input_shape: tuple[int, ...]) -> Carry:
        """Zeros of the cell's own widths at each position [B, *S, H], for inputs of shape [B, *S, F]."""
        if len(input_shape) < self.num_feature_axes:
            raise SeqlabError(
                f"{type(self).__name__} with kernel_size {self.kernel_size} needs {len(self.kernel_size)} axes of "
                f"space: inputs [B, T, *S, F], input_shape [B, *S, F]; got input_shape {tuple(input_shape)}."
            )
        return super().initialize_carry(rng, input_shape)


def _per_position(initializer: Initializer, num_positions: int) -> Initializer:
    """Draws [K, rows / K, columns], as initializers expect the kernel of a convolution, and lays it out as a matrix."""

    def init(key: Key, shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
        rows, columns = shape
        return initializer(key, (num_positions, rows // num_positions, columns), dtype).reshape(shape)

    return init
