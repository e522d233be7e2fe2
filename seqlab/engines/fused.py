"""A scan whose derivative is laid out by hand: what need not recur leaves the loop.

The derivative that JAX makes of a scan adds up the gradient of the recurrent kernel U inside the backward loop, a thin
product and a read and a write of the whole [H, G] accumulator at every step. Here the backward loop carries only what
recurs, the gradient of the carry, and hands out the gradients dr_t of the recurrent products r_t = h_{t-1} U; after it

    dU = sum_t h_{t-1}^T dr_t = H_prev^T dR       one large product over all time steps

Within the loop, the element by element part of the cell is differentiated by JAX from what the forward loop has kept:
the gates, each an array of its own, where ``merge`` is all that follows them, and their slopes are functions of their
values; else both products, from which ``combine`` is computed again. A call that is not differentiated keeps nothing.

The input projection of all time steps is one product before the loop. Where it outgrows the processor's cache, reading
it back costs more than that product gained, so time is cut into windows, each with a projection of its own.

For every cell whose step is ``combine`` after one product with ``recurrent_kernel``. Forward-mode derivatives (``jvp``)
are JAX's own of the forward loop, which is a scan: see ``core/derivatives.py``.

References: Appleyard, Kocisky and Blunsom, Optimizing performance of recurrent neural networks on GPUs, 2016 (weight
gradients after the loop).
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.cells.base import Cell, Gates
from seqlab.core.array_types import Array, Carry, Float, Params
from seqlab.core.derivatives import custom_derivative
from seqlab.core.masks import select
from seqlab.core.precision import dot, rows
from seqlab.engines.base import Controls, Unrollable, Unrolled
from seqlab.engines.windows import Window, scan_windows

# A projection of this size is cut into windows of that one, of some steps at least: see ``window_in_cache``.
WHOLE_BYTES, WINDOW_BYTES, MIN_WINDOW = 12 * 2**20, 2 * 2**20, 8

# Params of the projection, which is outside of the loop and of this derivative.
PROJECTION = {"input_kernel", "input_gain", "bias"}


def supports(cell: Unrollable) -> bool:
    """Whether the cell's step is one product with the recurrent kernel and ``combine``."""
    return isinstance(cell, Cell) and cell.has_one_product


def unroll_fused(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B *F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
    window: int | None = None,
) -> Unrolled:
    """Scans the cell over time, with a derivative that leaves only the recurrence in the backward loop.

    ``window`` is the number of steps whose inputs are projected at once, ``None`` for all; see ``window_in_cache``.
    """
    if window is None or window >= len(inputs):
        return _unroll(cell, params, inputs, carry, controls, return_all_carries)

    def run(carry: Carry, now: Window) -> tuple[Carry, Any]:
        inside = controls._replace(mask=now.mask, resets=now.resets)
        unrolled = _unroll(cell, params, now.inputs, carry, inside, return_all_carries)
        return unrolled.carry, (unrolled.outputs, unrolled.carries)

    steps = Window(inputs, controls.mask, controls.resets)
    carry, (outputs, carries) = scan_windows(run, carry, steps, window, reverse=controls.reverse)
    return Unrolled(outputs, carry, carries)


def unroll_fused_in_cache(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B *F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
) -> Unrolled:
    """``unroll_fused`` in windows that fit a processor's cache, where the whole does not."""
    window = window_in_cache(cell, params, inputs.shape)
    return unroll_fused(cell, params, inputs, carry, controls, return_all_carries=return_all_carries, window=window)


def window_in_cache(cell: Unrollable, params: Params, shape: tuple[int, ...]) -> int | None:
    """How many steps of inputs [T, B, ...] to project at once; ``None`` for all, where they fit the cache.

    Measured on two cores with 1 MB of second-level cache each and 32 MB of third: windows of 2 MB take up to a fifth
    off an LSTM's time where the whole projection has 17 MB or more, and add up to a third where it has 8 MB.
    """
    assert isinstance(cell, Cell)
    num_steps, *rows = shape[:-1]
    kernel = params["recurrent_kernel"]
    step_bytes = math.prod(rows) * kernel.shape[-1] // cell.num_parts * kernel.dtype.itemsize
    if num_steps * step_bytes < WHOLE_BYTES:
        return None
    aim = max(WINDOW_BYTES // step_bytes, MIN_WINDOW)
    divisors = [size for size in range(-(-aim // 2), 2 * aim + 1) if num_steps % size == 0]
    return min(divisors, key=lambda size: abs(size - aim), default=aim)


def _unroll(
    cell: Unrollable, params: Params, inputs: Array, carry: Carry, controls: Controls, return_all_carries: bool
) -> Unrolled:
    assert isinstance(cell, Cell)  # ``select`` has asked ``supports``.
    loop = _Loop(cell, controls.reverse, return_all_carries)

    run = custom_derivative(
        lambda *arguments: loop.forward(*arguments, keep=False)[0],
        lambda *arguments: loop.forward(*arguments, keep=True),
        loop.backward,
    )
    steps = _Steps(cell.cut(cell.project(params, inputs)), controls.mask, controls.resets)
    kernel = cell.cut(params["recurrent_kernel"])
    elsewhere = PROJECTION | {"recurrent_kernel"} | cell.carry_specs().keys()
    rest = {name: leaf for name, leaf in params.items() if name not in elsewhere}
    fresh = None if controls.resets is None else controls.fresh
    return run(kernel, rest, carry, fresh, steps)


class _Steps(NamedTuple):
    """What the loop reads at each step; time is the first axis, outside of the loop.

    Attributes:
        projected: the projected inputs [T, B, G], cut as the cell wants them.
        mask: see ``Controls``.
        resets: see ``Controls``.
    """

    projected: Gates
    mask: Array | None
    resets: Array | None


class _Kept(NamedTuple):
    """What the forward loop keeps of each step for the backward one.

    Attributes:
        carry: the state that the step was given, each leaf [T, B, ...].
        products: what ``Cell.keep`` makes of the two products.
    """

    carry: Carry
    products: Gates


@dataclass(frozen=True)
class _Loop:
    """Both loops over a cell."""

    cell: Cell
    reverse: bool
    return_all_carries: bool

    def start(self, carry: Carry, fresh: Carry, now: _Steps) -> Carry:
        """The state that a step begins from."""
        return carry if now.resets is None else select(now.resets, fresh, carry)

    def finish(self, params: Params, carry: Carry, fresh: Carry, now: _Steps, products: Gates) -> tuple[Carry, Array]:
        """All of a step but its product."""
        after, output = self.cell.combine_kept(params, self.start(carry, fresh, now), products)
        return (after if now.mask is None else select(now.mask, after, carry)), output

    def forward(
        self, kernel: Gates, params: Params, carry: Carry, fresh: Carry, steps: _Steps, *, keep: bool
    ) -> tuple[Unrolled, Any]:
        """Runs the cell over time; with ``keep``, also what ``backward`` needs."""

        def step(carry: Carry, now: _Steps) -> tuple[Carry, Any]:
            hidden = self.cell.recurrent_input(params, self.start(carry, fresh, now))
            recurrent = jax.tree.map(lambda part: dot(hidden, part, self.cell.dtype), kernel)
            products = self.cell.keep(now.projected, recurrent)
            after, output = self.finish(params, carry, fresh, now, products)
            return after, (
                output,
                after if self.return_all_carries else None,
                _Kept(carry, products) if keep else None,
            )

        carry, (outputs, carries, kept) = jax.lax.scan(step, carry, steps, reverse=self.reverse)
        return Unrolled(outputs, carry, carries), (kernel, params, fresh, steps._replace(projected=None), kept)

    def backward(self, residuals: Any, d_unrolled: Unrolled) -> tuple[Any, ...]:
        """Gradients by everything that ``forward`` was given; d_x is the gradient by x."""
        kernel, params, fresh, steps, kept = residuals
        masks = {name: leaf for name, leaf in params.items() if name == "state_mask"}  # ``combine`` does not see it.
        # Once, before the loop: the product with it is faster as it then lies in memory.
        transposed = jax.tree.map(jnp.transpose, kernel)

        def step(d: Any, at: Any) -> tuple[Any, Any]:
            d_params, d_carry, d_fresh = d
            now, kept, d_output, d_carry_here = at
            if self.return_all_carries:
                d_carry = _add(d_carry, d_carry_here)

            def finish(params: Params, carry: Carry, fresh: Carry, products: Gates) -> Any:
                return self.finish(params, carry, fresh, now, products)

            def hidden(masks: Params, carry: Carry, fresh: Carry) -> Array:
                return self.cell.recurrent_input(masks, self.start(carry, fresh, now))

            pull_finish = jax.vjp(finish, params, kept.carry, fresh, kept.products)[1]
            pull_hidden = jax.vjp(hidden, masks, kept.carry, fresh)[1]
            *by_finish, d_products = pull_finish((d_carry, d_output))
            d_projected, d_recurrent = self.cell.pull_kept(kept.products, d_products)
            products = jax.tree.map(lambda dr, part: dot(dr, part, self.cell.dtype), d_recurrent, transposed)
            by_masks, *by_hidden = pull_hidden(sum(jax.tree.leaves(products)))
            d_params = _add(d_params, {**by_finish[0], **by_masks})
            d = d_params, _add(by_finish[1], by_hidden[0])
            # Where a cell adds the two products up, their gradients are one value: it leaves the loop once.
            pairs = zip(jax.tree.leaves(d_projected), jax.tree.leaves(d_recurrent), strict=True)
            d_projected = [None if dp is dr else dp for dp, dr in pairs]
            return (*d, _add(d_fresh, _add(by_finish[2], by_hidden[1]))), (d_projected, d_recurrent)

        first = jax.tree.map(jnp.zeros_like, params), d_unrolled.carry, jax.tree.map(jnp.zeros_like, fresh)
        read = steps, kept, d_unrolled.outputs, d_unrolled.carries
        (d_params, d_carry, d_fresh), (d_projected, d_recurrent) = jax.lax.scan(
            step, first, read, reverse=not self.reverse
        )
        dr, structure = jax.tree.flatten(d_recurrent)
        d_projected = structure.unflatten([r if p is None else p for p, r in zip(d_projected, dr, strict=True)])
        hidden = self.cell.recurrent_input(params, jax.vmap(self.start, (0, None, 0))(kept.carry, fresh, steps))
        H_prev, *dR = (rows(x) for x in (hidden, *dr))
        d_kernel = structure.unflatten([dot(H_prev.T, part, self.cell.dtype) for part in dR])
        no_gradient = jax.tree.map(lambda x: np.zeros(x.shape, jax.dtypes.float0), steps)  # JAX's own, for booleans
        return d_kernel, d_params, d_carry, d_fresh, no_gradient._replace(projected=d_projected)


def _add(first: Any, second: Any) -> Any:
    return jax.tree.map(jnp.add, first, second)
