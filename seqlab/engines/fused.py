"""A scan whose derivative is laid out by hand: what need not recur leaves the loop.

The derivative that JAX makes of a scan adds up the gradient of the recurrent kernel U inside the backward loop, a thin
product and a read and a write of the whole [H, G] accumulator at every step. Here the backward loop carries only what
recurs, the gradient of the carry, and hands out the gradients dr_t of the recurrent products; after it

    dU = sum_t h_{t-1}^T dr_t = H_prev^T dR       one large product over all time steps

Within the loop, the element by element part of the cell (``combine``) is differentiated by JAX, from the products that
the forward loop has kept; its activations are computed again, which costs less than to store them. A call that is not
differentiated keeps nothing.

For every cell whose step is ``combine`` after one product with ``recurrent_kernel``. Forward-mode derivatives (``jvp``)
do not exist here: take ``scan`` for them.

References: Appleyard, Kocisky and Blunsom, Optimizing performance of recurrent neural networks on GPUs, 2016 (weight
gradients after the loop).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.core.array_types import Array, Carry, Float, Params
from seqlab.core.masks import select
from seqlab.core.precision import dot
from seqlab.engines.base import Controls, Unrollable, Unrolled


def supports(cell: Unrollable) -> bool:
    """Whether the cell's step is one product with the recurrent kernel and ``combine``."""
    return isinstance(cell, Cell) and type(cell).step is Cell.step


class _Now(NamedTuple):
    """What one step of the loop reads, each with time as its first axis outside of it."""

    projected: Array
    mask: Array | None
    resets: Array | None


class _Kept(NamedTuple):
    """What the forward loop keeps of each step for the backward one."""

    carry: Carry
    recurrent: Array


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
    steps = _Now(cell.project(params, inputs), controls.mask, controls.resets)
    recurrent_params = {name: leaf for name, leaf in params.items() if name not in ("input_kernel", "bias")}

    def start(carry: Carry, fresh: Carry, now: _Now) -> Carry:
        """The state that a step begins from."""
        return carry if now.resets is None else select(now.resets, fresh, carry)

    def finish(params: Params, carry: Carry, fresh: Carry, now: _Now, recurrent: Array) -> tuple[Carry, Array]:
        """All of a step but its product."""
        after, output = cell.combine(params, start(carry, fresh, now), now.projected, recurrent)
        return (after if now.mask is None else select(now.mask, after, carry)), output

    def forward(
        params: Params, carry: Carry, fresh: Carry, steps: _Now, *, keep: bool
    ) -> tuple[tuple[Any, ...], _Kept | None]:
        def step(carry: Carry, now: _Now) -> tuple[Carry, Any]:
            recurrent = dot(cell.hidden(start(carry, fresh, now)), params["recurrent_kernel"], cell.dtype)
            after, output = finish(params, carry, fresh, now, recurrent)
            return after, (output, after if return_all_carries else None, _Kept(carry, recurrent) if keep else None)

        carry, (outputs, carries, kept) = jax.lax.scan(step, carry, steps, reverse=controls.reverse)
        return (outputs, carry, carries), kept

    @jax.custom_vjp
    def run(params: Params, carry: Carry, fresh: Carry, steps: _Now) -> tuple[Any, ...]:
        return forward(params, carry, fresh, steps, keep=False)[0]

    def run_forward(params: Params, carry: Carry, fresh: Carry, steps: _Now) -> tuple[Any, Any]:
        unrolled, kept = forward(params, carry, fresh, steps, keep=True)
        return unrolled, (params, fresh, steps, kept)

    def run_backward(residuals: Any, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        params, fresh, steps, kept = residuals
        d_outputs, d_carry, d_carries = gradients
        kernel = params["recurrent_kernel"]
        transposed = kernel.T  # Once, before the loop: a product with it as it lies in memory is faster.
        small = {name: leaf for name, leaf in params.items() if name != "recurrent_kernel"}

        def step(d: Any, at: Any) -> tuple[Any, Array]:
            d_small, d_carry, d_fresh = d
            now, kept, d_output, d_all = at
            if d_all is not None:
                d_carry = jax.tree.map(jnp.add, d_carry, d_all)

            def elementwise(small: Params, carry: Carry, fresh: Carry, projected: Array, recurrent: Array) -> Any:
                return finish(small, carry, fresh, now._replace(projected=projected), recurrent)

            def hidden(carry: Carry, fresh: Carry) -> Array:
                return cell.hidden(start(carry, fresh, now))

            pull = jax.vjp(elementwise, small, kept.carry, fresh, now.projected, kept.recurrent)[1]
            g_small, g_carry, g_fresh, d_projected, d_recurrent = pull((d_carry, d_output))
            h_carry, h_fresh = jax.vjp(hidden, kept.carry, fresh)[1](dot(d_recurrent, transposed, cell.dtype))
            d_small, d_fresh, d_carry = jax.tree.map(
                jnp.add, (d_small, d_fresh, g_carry), (g_small, jax.tree.map(jnp.add, g_fresh, h_fresh), h_carry)
            )
            return (d_small, d_carry, d_fresh), (d_projected, d_recurrent)

        zeros = jax.tree.map(jnp.zeros_like, (small, fresh))
        first = (zeros[0], d_carry, zeros[1])
        (d_small, d_carry, d_fresh), (d_projected, d_recurrent) = jax.lax.scan(
            step, first, (steps, kept, d_outputs, d_carries), reverse=not controls.reverse
        )
        hidden = cell.hidden(jax.vmap(start, (0, None, 0))(kept.carry, fresh, steps))
        rows = [x.reshape(-1, x.shape[-1]) for x in (hidden, d_recurrent)]
        d_kernel = dot(rows[0].T, rows[1], cell.dtype).astype(kernel.dtype)
        return {**d_small, "recurrent_kernel": d_kernel}, d_carry, d_fresh, _Now(d_projected, *_no_gradient(steps)[1:])

    run.defvjp(run_forward, run_backward)
    outputs, last, carries = run(recurrent_params, carry, controls.fresh, steps)
    return Unrolled(outputs, last, carries)


def _no_gradient(steps: _Now) -> _Now:
    """The gradient of booleans: JAX wants zeros of its own empty type."""
    return jax.tree.map(lambda x: jnp.zeros(x.shape, jax.dtypes.float0), steps)
