"""Memory like the square root of T: states are kept between windows alone; a window is run again for its gradient.

A derivative needs what every step computed, several times B H numbers a step. Here the forward pass keeps the carry at
the borders of T / K windows of K steps, and nothing else; the backward pass runs one window at a time again, keeps what
that one needs, and goes on to the window before. With K near sqrt(T), both T / K carries and K steps grow with the
square root. It costs one more forward pass. The input projection is inside the window too: [T, B, G] would be the
largest array of all.

What is not saved: inputs, outputs and their gradients are [T, B, ...] themselves, where they are asked for.

References: Chen et al., Training deep nets with sublinear memory cost, 2016; for recurrent networks Gruslys et al.,
Memory-efficient backpropagation through time, 2016.
"""

import functools
import math
from typing import Any

import jax

from seqlab.core.array_types import Array, Carry, Float, Params
from seqlab.engines.base import Controls, Unrollable, Unrolled
from seqlab.engines.sequential import unroll_window
from seqlab.engines.windows import Window, scan_windows


def unroll_checkpointed(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B *F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
    window: int | None = None,
) -> Unrolled:
    """Scans over windows of ``window`` steps (``window_size`` by default) that the backward pass computes again."""

    # Being in a scan keeps the two computations of a window apart: no need of JAX's barrier against merging them.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def run(carry: Carry, now: Window) -> tuple[Carry, Any]:
        unrolled = unroll_window(cell, params, carry, now, controls, return_all_carries=return_all_carries)
        return unrolled.carry, (unrolled.outputs, unrolled.carries)

    steps = Window(inputs, controls.mask, controls.resets)
    size = window_size(len(inputs)) if window is None else window
    carry, (outputs, carries) = scan_windows(run, carry, steps, size, reverse=controls.reverse)
    return Unrolled(outputs, carry, carries)


def window_size(num_steps: int) -> int:
    """The divisor of T that is nearest to its root, and the root itself where none lies within a factor of two.

    Windows of one size need no copy of the inputs, and one program.

    >>> [window_size(num_steps) for num_steps in (1, 4, 100, 2048, 101)]
    [1, 2, 10, 32, 10]
    """
    root = math.isqrt(num_steps)
    divisors = [size for size in range((root + 1) // 2, 2 * root + 1) if num_steps % size == 0]
    return min(divisors, key=lambda size: abs(size - root), default=root)
