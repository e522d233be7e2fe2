"""The whole loop over time as one kernel, for cells small enough to stay on the chip: ``jax.experimental.pallas``.

XLA runs a loop on a GPU by launching the kernels of each step anew, microseconds a step whatever the size. Here one
kernel runs all steps of 16 rows of the batch: state and recurrent kernel stay where they are, and a step reads its
projected inputs and writes its state. Under ``vmap`` the models become an axis of the kernel's grid, so that a
population runs side by side. With the projection x_t before the kernel, a step is, in each program of the grid,

    forward:   r_t = h_{t-1} U + c         h_t = combine(h_{t-1}, x_t, r_t)
    backward:  dx_t, dr_t, dh = derivative of combine at (h_{t-1}, x_t, r_t)         dh_{t-1} = dh + dr_t U^T

What need not recur is outside, over all time steps at once: before the backward kernel all r_t = H_prev U + c, which
are computed again instead of kept; after it dU = H_prev^T dR.

Sizes: B is padded to a multiple of 16, and H to a power of two that is at least 16, as Triton's products want it. H
ends at 128, where the recurrent kernel of an LSTM fills the registers of a multiprocessor. T and F are free.

This has been run in Pallas's interpreter alone, never on a GPU. Values, gradients and the translation to Triton's
language are tested on a CPU; whether the result is fast, or compiles, is not known. ``engine="pallas"`` is refused
where there is no NVIDIA GPU; for tests, ``engine=functools.partial(unroll_pallas, interpret=True)`` runs anywhere,
slowly. From JAX 0.11 on Pallas's Triton backend is deprecated: there this engine needs another one.

References: Diamos et al., Persistent RNNs: stashing recurrent weights on-chip, 2016; Poeppel et al., FlashRNN, 2024.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.cells.base import Cell
from seqlab.cells.gru import GRUCell
from seqlab.cells.lstm import LSTMCarry, LSTMCell
from seqlab.cells.vanilla import VanillaCell
from seqlab.core.array_types import Array, Carry, Float, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.masks import select
from seqlab.core.precision import dot
from seqlab.engines.base import Controls, Unrollable, Unrolled

# Rows of the batch in one program, the least that a product of Triton's takes.
ROWS = 16
MAX_FEATURES = 128

Parts = tuple[Array, ...]


# Cells, with gates as arrays of their own -------------------------------------------------------------------------


def _sigmoid(x: Array) -> Array:
    return 0.5 * jnp.tanh(0.5 * x) + 0.5


def _vanilla(cell: Any, h: Array, x: Parts, r: Parts) -> Array:
    return cell.activation(x[0] + r[0])


def _gru(cell: Any, h: Array, x: Parts, r: Parts) -> Array:
    del cell
    reset, update = _sigmoid(x[0] + r[0]), _sigmoid(x[1] + r[1])
    new = jnp.tanh(x[2] + reset * r[2])
    return (1 - update) * new + update * h


def _lstm(cell: Any, carry: LSTMCarry, x: Parts, r: Parts) -> LSTMCarry:
    i, f, g, o = (x_k + r_k for x_k, r_k in zip(x, r, strict=True))
    return cell.merge({}, carry, (_sigmoid(i), _sigmoid(f), jnp.tanh(g), _sigmoid(o)))[0]


# Number of gates, and what the cell's ``combine`` does to the carry with gates apart: a kernel can neither slice the
# arrays in which the cells keep gates side by side, nor hold the constants that they are scaled by.
COMBINE: dict[type, tuple[int, Callable[[Any, Any, Parts, Parts], Any]]] = {
    VanillaCell: (1, _vanilla),
    GRUCell: (3, _gru),
    LSTMCell: (4, _lstm),
}


def supports(cell: Unrollable) -> bool:
    """Whether the cell has a line in ``COMBINE``, float32 state, and at most 128 features."""
    if not isinstance(cell, Cell) or type(cell) not in COMBINE:
        return False
    return cell.param_dtype == jnp.float32 and cell.features <= MAX_FEATURES


# The engine -------------------------------------------------------------------------------------------------------


def unroll_pallas(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
    interpret: bool = False,
) -> Unrolled:
    """Projects all inputs, pads B and H to sizes for the kernel, runs it, and cuts the results out.

    Raises:
        SeqlabError: for a mask on the state in the params.
    """
    assert isinstance(cell, Cell)  # ``select`` has asked ``supports``.
    if "state_mask" in params:
        raise SeqlabError("engine 'pallas' does no dropout on the state; got a state_mask. Take engine='fused'.")
    num_gates, H = COMBINE[type(cell)][0], cell.features
    B = inputs.shape[1]
    rows, width = -B % ROWS, max(ROWS, 1 << (H - 1).bit_length()) - H

    def padded(tree: Any, *axes: int) -> Any:
        """The tree with zeros behind the last of these many axes: (rows, width) or (width, width)."""
        return jax.tree.map(lambda x: jnp.pad(x, [(0, 0)] * (x.ndim - len(axes)) + [(0, n) for n in axes]), tree)

    def gates(array: Array, *axes: int) -> Parts:
        return tuple(padded(part, *axes) for part in jnp.split(array, num_gates, axis=-1))

    bias = jnp.zeros((1, num_gates * H), params["recurrent_kernel"].dtype)
    if "recurrent_bias" in params:
        bias = bias.at[0, -H:].set(params["recurrent_bias"])
    flags = [
        None if flag is None else padded(flag.astype(jnp.int32)[..., None], rows, 0)
        for flag in (controls.mask, controls.resets)
    ]
    fresh = None if controls.resets is None else padded(controls.fresh, rows, width)
    loop = _Loop(cell, controls.reverse, interpret)

    @jax.custom_vjp
    def run(*arguments: Any) -> Any:
        return loop.forward(*arguments)

    run.defvjp(loop.forward_and_keep, loop.backward)
    carries = run(
        gates(params["recurrent_kernel"], width, width),
        gates(bias, width),
        padded(carry, rows, width),
        fresh,
        _Steps(gates(cell.project(params, inputs), rows, width), *flags),
    )
    carries = jax.tree.map(lambda x: x[:, :B, :H], carries)
    last = jax.tree.map(lambda x: x[0 if controls.reverse else -1], carries)
    return Unrolled(cell.hidden(carries), last, carries if return_all_carries else None)


class _Steps(NamedTuple):
    """What the kernel reads at each step; time is the first axis, outside of the kernel.

    Attributes:
        projected: the projected inputs, [T, B, H] for each gate.
        mask: see ``Controls``; numbers [T, B, 1], so that B is the last axis but one of everything here.
        resets: see ``Controls``; likewise.
    """

    projected: Parts
    mask: Array | None
    resets: Array | None


@dataclass(frozen=True)
class _Loop:
    """Both kernels for a cell."""

    cell: Any
    reverse: bool
    interpret: bool

    def start(self, carry: Carry, fresh: Carry, now: _Steps) -> Carry:
        """The state that a step begins from."""
        return carry if now.resets is None else select(now.resets != 0, fresh, carry)

    def finish(self, carry: Carry, fresh: Carry, now: _Steps, recurrent: Parts) -> Carry:
        """All of a step but its product: the state after it, whose hidden part is the output."""
        after = COMBINE[type(self.cell)][1](self.cell, self.start(carry, fresh, now), now.projected, recurrent)
        return after if now.mask is None else select(now.mask != 0, after, carry)

    def products(self, hidden: Array, kernel: Parts, bias: Parts) -> Parts:
        """``h U + c`` for each gate."""
        return tuple(dot(hidden, U, self.cell.dtype) + c for U, c in zip(kernel, bias, strict=True))

    def time(self, step: Any, num_steps: int, *, backward: bool) -> Any:
        """The time of the loop's turn number ``step``."""
        return num_steps - 1 - step if self.reverse != backward else step

    def forward(self, kernel: Parts, bias: Parts, carry: Carry, fresh: Carry, steps: _Steps) -> Carry:
        """The state after every step, each leaf [T, B, H]."""
        num_steps = len(steps.projected[0])

        def run(weights: Any, rows: Any, results: Any) -> None:
            (kernel, bias), (carry, fresh) = _load(weights), _load(rows[:2])

            def turn(step: Any, carry: Carry) -> Carry:
                t = self.time(step, num_steps, backward=False)
                now = _load(rows[2], t)
                recurrent = self.products(self.cell.hidden(self.start(carry, fresh, now)), kernel, bias)
                after = self.finish(carry, fresh, now, recurrent)
                _store(results, after, t)
                return after

            jax.lax.fori_loop(0, num_steps, turn, carry)

        like = jax.tree.map(lambda _: steps.projected[0], carry)
        return self.call(run, (kernel, bias), (carry, fresh, steps), like)

    def forward_and_keep(self, *arguments: Any) -> tuple[Carry, Any]:
        """``forward``, and what ``backward`` needs."""
        carries = self.forward(*arguments)
        return carries, (*arguments, carries)

    def backward(self, residuals: Any, d_carries: Carry) -> tuple[Any, ...]:
        """Gradients by everything that ``forward`` was given; d_x is the gradient by x."""
        kernel, bias, carry, fresh, steps, carries = residuals
        num_steps = len(steps.projected[0])
        before = jax.tree.map(self.shifted, carry, carries)
        H_prev = self.cell.hidden(jax.vmap(self.start, (0, None, 0))(before, fresh, steps))
        recurrent = self.products(H_prev, kernel, bias)
        transposed = tuple(jnp.transpose(U) for U in kernel)

        def run(weights: Any, rows: Any, results: Any) -> None:
            transposed, fresh = _load(weights), _load(rows[0])

            def turn(step: Any, d: Any) -> Any:
                t = self.time(step, num_steps, backward=True)
                now, before, recurrent, d_after = _load(rows[1:], t)

                def finish(carry: Carry, fresh: Carry, projected: Parts, recurrent: Parts) -> Any:
                    return self.finish(carry, fresh, now._replace(projected=projected), recurrent)

                def hidden(carry: Carry, fresh: Carry) -> Array:
                    return self.cell.hidden(self.start(carry, fresh, now))

                d_carry, d_fresh = d
                pull_finish = jax.vjp(finish, before, fresh, now.projected, recurrent)[1]
                *by_finish, d_projected, d_recurrent = pull_finish(_add(d_carry, d_after))
                _store(results[0], (d_projected, d_recurrent), t)
                products = [dot(dr, U, self.cell.dtype) for dr, U in zip(d_recurrent, transposed, strict=True)]
                by_hidden = jax.vjp(hidden, before, fresh)[1](sum(products[1:], products[0]))
                return _add(by_finish[0], by_hidden[0]), _add(d_fresh, _add(by_finish[1], by_hidden[1]))

            none = jax.tree.map(lambda reference: jnp.zeros(reference.shape, reference.dtype), results[1])
            _store(results[1], jax.lax.fori_loop(0, num_steps, turn, none))

        like = (steps.projected, recurrent), (carry, fresh)
        rows = fresh, steps, before, recurrent, d_carries
        (d_projected, d_recurrent), (d_carry, d_fresh) = self.call(run, transposed, rows, like)
        width = H_prev.shape[-1]
        H_prev, *dR = (x.reshape(-1, width) for x in (H_prev, *d_recurrent))
        d_kernel = tuple(dot(H_prev.T, dr, self.cell.dtype) for dr in dR)
        no_gradient = jax.tree.map(lambda x: np.zeros(x.shape, jax.dtypes.float0), steps)  # JAX's own, for integers
        return (
            d_kernel,
            tuple(dr.sum(0, keepdims=True) for dr in dR),
            d_carry,
            d_fresh,
            no_gradient._replace(projected=d_projected),
        )

    def shifted(self, first: Array, after: Array) -> Array:
        """The states that the steps were given, from the first one and those that they made."""
        pieces = (after[1:], first[None]) if self.reverse else (first[None], after[:-1])
        return jnp.concatenate(pieces)

    def call(self, run: Callable[[Any, Any, Any], None], weights: Any, rows: Any, like: Any) -> Any:
        """One kernel: ``run`` gets references to all weights, and to its own rows of ``rows`` and of the results.

        Args:
            run: what a program does.
            weights: arrays that every program reads as a whole.
            rows: arrays [B, ...] and [T, B, ...] whose last axis but one is cut among the programs.
            like: arrays of the results' shapes, cut likewise.
        """
        from jax.experimental import pallas as pl
        from jax.experimental.pallas import triton

        like, structure = jax.tree.flatten(like)

        def kernel(weights: Any, rows: Any, *results: Any) -> None:
            run(weights, rows, structure.unflatten(results))

        def block(x: Array) -> pl.BlockSpec:
            shape = *x.shape[:-2], ROWS, x.shape[-1]
            return pl.BlockSpec(shape, lambda program: (*[0] * (x.ndim - 2), program, 0))

        results = pl.pallas_call(
            kernel,
            grid=(like[0].shape[-2] // ROWS,),
            in_specs=(jax.tree.map(lambda _: pl.BlockSpec(), weights), jax.tree.map(block, rows)),
            out_specs=[block(x) for x in like],
            out_shape=[jax.ShapeDtypeStruct(x.shape, x.dtype) for x in like],
            # Pallas's other backend for NVIDIA, Mosaic GPU, copies and multiplies in larger tiles than these.
            compiler_params=triton.CompilerParams(),
            interpret=self.interpret,
        )(weights, rows)
        return structure.unflatten(results)


def _load(references: Any, *index: Any) -> Any:
    return jax.tree.map(lambda reference: reference[index if index else ...], references)


def _store(references: Any, values: Any, *index: Any) -> None:
    def leaf(reference: Any, value: Array) -> None:
        reference[index if index else ...] = value

    jax.tree.map(leaf, references, values)


def _add(first: Any, second: Any) -> Any:
    return jax.tree.map(jnp.add, first, second)
