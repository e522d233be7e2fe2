"""A scan whose derivative is laid out by hand: what need not recur leaves the loop.

The derivative that JAX makes of a scan adds up the gradient of the recurrent kernel U inside the backward loop, a thin
product and a read and a write of the whole [H, G] accumulator at every step. Here the backward loop carries only what
recurs, the gradient of the carry, and hands out the gradients dr_t of the recurrent products r_t = h_{t-1} U; after it

    dU = sum_t h_{t-1}^T dr_t = H_prev^T dR       one large product over all time steps

Within the loop, the element by element part of the cell (``combine``) is differentiated by JAX, from the products that
the forward loop has kept; its activations are computed again, which costs less than to store them. A call that is not
differentiated keeps nothing.

For every cell whose step is ``combine`` after one product with ``recurrent_kernel``. Forward-mode derivatives (``jvp``)
are JAX's own of the forward loop, which is a scan: see ``core/derivatives.py``.

References: Appleyard, Kocisky and Blunsom, Optimizing performance of recurrent neural networks on GPUs, 2016 (weight
gradients after the loop).
"""

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
) -> Unrolled:
    """Scans the cell over time, with a derivative that leaves only the recurrence in the backward loop."""
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
        recurrent: the product r_t [T, B, G], cut likewise.
    """

    carry: Carry
    recurrent: Gates


@dataclass(frozen=True)
class _Loop:
    """Both loops over a cell."""

    cell: Cell
    reverse: bool
    return_all_carries: bool

    def start(self, carry: Carry, fresh: Carry, now: _Steps) -> Carry:
        """The state that a step begins from."""
        return carry if now.resets is None else select(now.resets, fresh, carry)

    def finish(self, params: Params, carry: Carry, fresh: Carry, now: _Steps, recurrent: Gates) -> tuple[Carry, Array]:
        """All of a step but its product."""
        after, output = self.cell.combine(params, self.start(carry, fresh, now), now.projected, recurrent)
        return (after if now.mask is None else select(now.mask, after, carry)), output

    def forward(
        self, kernel: Gates, params: Params, carry: Carry, fresh: Carry, steps: _Steps, *, keep: bool
    ) -> tuple[Unrolled, Any]:
        """Runs the cell over time; with ``keep``, also what ``backward`` needs."""

        def step(carry: Carry, now: _Steps) -> tuple[Carry, Any]:
            hidden = self.cell.recurrent_input(params, self.start(carry, fresh, now))
            recurrent = jax.tree.map(lambda part: dot(hidden, part, self.cell.dtype), kernel)
            after, output = self.finish(params, carry, fresh, now, recurrent)
            return after, (
                output,
                after if self.return_all_carries else None,
                _Kept(carry, recurrent) if keep else None,
            )

        carry, (outputs, carries, kept) = jax.lax.scan(step, carry, steps, reverse=self.reverse)
        return Unrolled(outputs, carry, carries), (kernel, params, fresh, steps, kept)

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

            def finish(params: Params, carry: Carry, fresh: Carry, projected: Gates, recurrent: Gates) -> Any:
                return self.finish(params, carry, fresh, now._replace(projected=projected), recurrent)

            def hidden(masks: Params, carry: Carry, fresh: Carry) -> Array:
                return self.cell.recurrent_input(masks, self.start(carry, fresh, now))

            pull_finish = jax.vjp(finish, params, kept.carry, fresh, now.projected, kept.recurrent)[1]
            pull_hidden = jax.vjp(hidden, masks, kept.carry, fresh)[1]
            *by_finish, d_projected, d_recurrent = pull_finish((d_carry, d_output))
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
