"""``unroll``: the one entry to all engines, and the one place that chooses between them.

    h_t = cell(h_{t-1}, x_t)   for t = 1 ... T

Everything that every engine promises alike is done here: layout, checks, what padding, resets and ``reverse`` mean.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.core.array_types import Array, Bool, Carry, Float, Int, Params
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.masks import lengths_to_mask, reversed_resets, zero_padding
from seqlab.engines import associative, fused, validate
from seqlab.engines.base import Controls, Engine, FlaxCell, Unrollable, Unrolled
from seqlab.engines.loop import unroll_loop
from seqlab.engines.scan import unroll_scan

ENGINES: dict[str, Engine] = {
    "loop": unroll_loop,
    "scan": unroll_scan,
    "fused": fused.unroll_fused,
    "associative": associative.unroll_associative,
}

# Engines that are not for every cell, with the cells that they are for.
RESTRICTED: dict[str, Callable[[Unrollable], bool]] = {
    "fused": fused.supports,
    "associative": associative.supports,
}


def supported_engines(cell: Unrollable) -> list[str]:
    """The names of the engines that can unroll this cell."""
    return [name for name in ENGINES if name not in RESTRICTED or RESTRICTED[name](cell)]


def resolve_engine(engine: str, cell: Unrollable) -> Engine:
    """The engine of that name; ``auto`` chooses by cell and platform.

    ``auto`` is ``fused`` for the cells that it supports; ``associative`` for linear recurrences on an accelerator,
    where few wide operations beat many small ones; and ``scan`` for the rest, among them linear recurrences on a CPU.

    Raises:
        SeqlabError: for an unknown name, or an engine that does not support the cell.
    """
    if engine not in ENGINES and engine != "auto":
        raise unknown_name("engine", engine, [*ENGINES, "auto"])
    supported = supported_engines(cell)
    if engine == "auto":
        preferred = ["fused"] if jax.default_backend() == "cpu" else ["fused", "associative"]
        engine = next((name for name in preferred if name in supported), "scan")
    if engine not in supported:
        raise SeqlabError(
            f"engine '{engine}' does not support {type(cell).__name__}; expected one of {', '.join(supported)}."
        )
    return ENGINES[engine]


def unroll(
    cell: Unrollable | nn.RNNCellBase,
    params: Params,
    inputs: Float[Array, "..."],
    *,
    lengths: Int[Array, " B"] | None = None,
    mask: Bool[Array, "..."] | None = None,
    resets: Bool[Array, "..."] | None = None,
    initial_carry: Carry = None,
    reverse: bool = False,
    time_major: bool = False,
    return_all_carries: bool = False,
    engine: str = "auto",
) -> Unrolled:
    """Runs a cell over sequences.

    Padding never matters: it may hold anything, nan included; outputs there are zero, the carry stands still, and no
    gradient comes from it. A sequence of length 0 returns the carry that it began with.

    Args:
        cell: one of ours, or any ``flax.linen`` cell.
        params: the cell's params, as ``cell.init_params(key, F)`` makes them.
        inputs: [B, T, F]; feature axes beyond the first for cells that take them.
        lengths: the number of steps of each sequence [B]; steps from there on are padding.
        mask: where a step exists [B, T]; holes anywhere are stepped over. Joined with ``lengths`` where both are given.
        resets: where a new sequence begins [B, T]: the state starts afresh there, in either direction of time, so that
            several sequences in one row are unrolled as if each stood alone. Void at padding.
        initial_carry: the state before the first step; the cell's own fresh one (zeros) by default.
        reverse: whether to run from each sequence's last step to its first; outputs stay where their inputs are.
        time_major: whether inputs, mask, resets and outputs are [T, B, ...].
        return_all_carries: whether to return the state after every step too.
        engine: a name in ``ENGINES``, or ``auto``.

    Returns:
        Outputs [B, T, H], the last carry, and all carries, each leaf [B, T, ...], or ``None``.

    Raises:
        SeqlabError: for shapes, lengths, params or a carry that do not fit, by name, before anything is compiled.

    >>> from seqlab.cells import GRUCell
    >>> cell = GRUCell(features=4)
    >>> params = cell.init_params(jax.random.key(0), 3)
    >>> unroll(cell, params, jnp.ones((2, 5, 3)), lengths=jnp.array([5, 2])).outputs.shape
    (2, 5, 4)
    """
    if not isinstance(cell, (Cell, FlaxCell)):
        cell = FlaxCell(cell)
    run = resolve_engine(engine, cell)
    validate.check_inputs(inputs)
    axes = "[T, B]" if time_major else "[B, T]"
    for name, flags in (("mask", mask), ("resets", resets)):
        if flags is not None:
            validate.check_steps(name, flags, inputs.shape[:2], axes)
    if not time_major:
        inputs, mask, resets = jax.tree.map(_swap_time, (inputs, mask, resets))
    num_steps, batch_size = inputs.shape[:2]
    if lengths is not None:
        validate.check_lengths(lengths, batch_size, num_steps)
        within = lengths_to_mask(lengths, num_steps).T
        mask = within if mask is None else mask & within
    validate.check_params(cell, params, inputs.shape[-1])
    fresh = cell.initialize_carry(jax.random.key(0), inputs.shape[1:])
    if initial_carry is None:
        initial_carry = fresh
    elif isinstance(fresh, tuple) and jax.tree.structure(initial_carry) == jax.tree.structure(tuple(fresh)):
        initial_carry = jax.tree.unflatten(jax.tree.structure(fresh), jax.tree.leaves(initial_carry))
    validate.check_carry(cell, initial_carry, fresh)
    if reverse and resets is not None:
        resets = reversed_resets(resets, mask)

    controls = Controls(mask, resets, fresh, reverse)
    unrolled = run(
        cell, params, zero_padding(inputs, mask), initial_carry, controls, return_all_carries=return_all_carries
    )
    unrolled = unrolled._replace(outputs=zero_padding(unrolled.outputs, mask))
    if time_major:
        return unrolled
    return unrolled._replace(outputs=_swap_time(unrolled.outputs), carries=jax.tree.map(_swap_time, unrolled.carries))


def _swap_time(array: Array) -> Array:
    return jnp.swapaxes(array, 0, 1)
