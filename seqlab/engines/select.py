"""``unroll``: the one entry to all engines, and the one place that chooses between them.

    h_t = cell(h_{t-1}, x_t)   for t = 1 ... T

Everything that every engine promises alike is done here: layout, checks, what padding, resets and ``reverse`` mean.
"""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.core.array_types import Array, Bool, Carry, Float, Int, Params
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.masks import lengths_to_mask, reversed_resets, zero_padding
from seqlab.engines import associative, cudnn, fused, native, newton, pallas, validate
from seqlab.engines.base import Controls, Engine, FlaxCell, Unrollable, Unrolled
from seqlab.engines.checkpointed import unroll_checkpointed
from seqlab.engines.loop import unroll_loop
from seqlab.engines.scan import unroll_scan
from seqlab.engines.truncated import unroll_truncated

ENGINES: dict[str, Engine] = {
    "loop": unroll_loop,
    "scan": unroll_scan,
    "fused": fused.unroll_fused,
    "associative": associative.unroll_associative,
    "checkpointed": unroll_checkpointed,
    "truncated": unroll_truncated,
    "newton": newton.unroll_newton,
    "quasi_newton": partial(newton.unroll_newton, diagonal=True),
    "native": native.unroll_native,
    "cudnn": cudnn.unroll_cudnn,
    "pallas": pallas.unroll_pallas,
}

# Engines that are not for every cell, with the cells that they are for.
RESTRICTED: dict[str, Callable[[Unrollable], bool]] = {
    "fused": fused.supports,
    "associative": associative.supports,
    "newton": newton.supports,
    "quasi_newton": newton.supports,
    "native": native.supports,
    "cudnn": cudnn.supports,
    "pallas": pallas.supports,
}

# Engines that do not run everywhere, with where they do; what they are made of is imported when they run.
PLATFORMS = {"native": "cpu", "cudnn": "cuda", "pallas": "cuda"}

# Engines that take a number behind a colon, ``truncated:64``, with what it is.
NUMBERS = {
    "scan": "unroll",
    "fused": "window",
    "checkpointed": "window",
    "truncated": "window",
    "newton": "max_iterations",
    "quasi_newton": "max_iterations",
}

# Engines whose gradients are, by intention, not those of the loop.
OTHER_GRADIENTS = {"truncated"}


def platform() -> str:
    """Where JAX computes: ``cpu``, ``cuda``, ``rocm``, ``tpu``. JAX itself calls either kind of GPU ``gpu``."""
    backend = jax.default_backend()
    if backend != "gpu":
        return backend
    return "rocm" if "rocm" in jax.devices()[0].client.platform_version.lower() else "cuda"


def runs_here(engine: str) -> bool:
    """Whether the engine of that name runs on this platform; ``native`` needs a C++ compiler too."""
    return PLATFORMS.get(engine) in (None, platform()) and (engine != "native" or native.compiler() is not None)


def supports(engine: str, cell: Unrollable) -> bool:
    """Whether the engine of that name can unroll this cell, here."""
    return runs_here(engine) and (engine not in RESTRICTED or RESTRICTED[engine](cell))


def supported_engines(cell: Unrollable) -> list[str]:
    """The names of the engines that can unroll this cell, here."""
    return [name for name in ENGINES if supports(name, cell)]


def resolve_engine(engine: str, cell: Unrollable) -> Engine:
    """The engine of that name; ``auto`` chooses by cell and platform, ``truncated:32`` gives an engine its number.

    ``auto`` is ``fused`` for the cells that it supports, on a CPU in windows that fit the cache; ``associative`` for
    linear recurrences on an accelerator, where few wide operations beat many small ones; and ``scan`` for the rest,
    among them linear recurrences on a CPU.
    ``cudnn`` and ``pallas`` are for those who ask for them: neither takes every argument of ``unroll``, and whether
    ``vmap`` will be around the call, which cuDNN cannot do, is not known here. So is ``native``, whose results should
    not depend on whether a machine has a C++ compiler.

    Raises:
        SeqlabError: for an unknown name, a number that is none or has no use, or an engine that does not support the
            cell or does not run on this platform.

    >>> from seqlab.cells import GRUCell
    >>> resolve_engine("truncated:32", GRUCell(4)).keywords
    {'window': 32}
    """
    name, colon, number = (engine, "", "") if engine in ENGINES else engine.partition(":")
    if name not in ENGINES and name != "auto":
        raise unknown_name("engine", name, [*ENGINES, "auto"])
    if name == "auto":
        preferred = ["fused"] if platform() == "cpu" else ["fused", "associative"]
        name = next((name for name in preferred if supports(name, cell)), "scan")
    if not runs_here(name):
        if PLATFORMS[name] == platform():
            native.require_compiler()
        raise SeqlabError(
            f"engine '{name}' needs {PLATFORMS[name]}; JAX runs on {platform()} here. "
            f"Expected one of {', '.join(supported_engines(cell))}."
        )
    if not supports(name, cell):
        raise SeqlabError(
            f"engine '{name}' does not support {_described(cell)}; "
            f"expected one of {', '.join(supported_engines(cell))}."
        )
    if not colon:
        in_cache = engine == "auto" and name == "fused" and platform() == "cpu"
        return fused.unroll_fused_in_cache if in_cache else ENGINES[name]
    if name not in NUMBERS:
        raise SeqlabError(f"engine '{name}' takes no number; got '{engine}'. Those that do: {', '.join(NUMBERS)}.")
    if not (number.isascii() and number.isdecimal() and int(number) >= 1):
        raise SeqlabError(f"engine '{name}:N' needs a {NUMBERS[name]} N of at least 1; got '{engine}'.")
    return partial(ENGINES[name], **{NUMBERS[name]: int(number)})


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
    engine: str | Engine = "auto",
) -> Unrolled:
    """Runs a cell over sequences.

    Padding never matters: it may hold anything, nan included; outputs there are zero, the carry stands still, and no
    gradient comes from it. A sequence of length 0 returns the carry that it began with.

    Args:
        cell: one of ours, or any ``flax.linen`` cell.
        params: the cell's params, as ``cell.init_params(key, F)`` makes them.
        inputs: [B, T, F]; [B, T, S, ..., F] for cells over space, with as many axes S as they take.
        lengths: the number of steps of each sequence [B]; steps from there on are padding.
        mask: where a step exists [B, T]; holes anywhere are stepped over. Joined with ``lengths`` where both are given.
        resets: where a new sequence begins [B, T]: the state starts afresh there, in either direction of time, so that
            several sequences in one row are unrolled as if each stood alone. Void at padding.
        initial_carry: the state before the first step; the cell's own fresh one (zeros, or learned) by default.
        reverse: whether to run from each sequence's last step to its first; outputs stay where their inputs are.
        time_major: whether inputs, mask, resets and outputs are [T, B, ...].
        return_all_carries: whether to return the state after every step too.
        engine: a name in ``ENGINES``, or ``auto``, or a function of your own with the signature of ``Engine``.

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
    run = resolve_engine(engine, cell) if isinstance(engine, str) else engine
    validate.check_inputs(inputs, cell.num_feature_axes)
    axes = "[T, B]" if time_major else "[B, T]"
    for name, flags in (("mask", mask), ("resets", resets)):
        if flags is not None:
            validate.check_steps(name, flags, inputs.shape[:2], axes)
    if not time_major:
        inputs, mask, resets = jax.tree.map(_swap_time, (inputs, mask, resets))
    num_steps, batch_size = inputs.shape[:2]
    padded_at_end = lengths if mask is None else None
    if lengths is not None:
        validate.check_lengths(lengths, batch_size, num_steps)
        within = lengths_to_mask(lengths, num_steps).T
        mask = within if mask is None else mask & within
    validate.check_params(cell, params, inputs.shape[-1])
    fresh = cell.fresh_carry(params, inputs.shape[1:])
    validate.check_state_mask(cell, params, fresh)
    if initial_carry is None:
        initial_carry = fresh
    elif isinstance(fresh, tuple) and jax.tree.structure(initial_carry) == jax.tree.structure(tuple(fresh)):
        initial_carry = jax.tree.unflatten(jax.tree.structure(fresh), jax.tree.leaves(initial_carry))
    validate.check_carry(cell, initial_carry, fresh)
    if reverse and resets is not None:
        resets = reversed_resets(resets, mask)

    controls = Controls(mask, resets, fresh, reverse, padded_at_end)
    unrolled = run(
        cell, params, zero_padding(inputs, mask), initial_carry, controls, return_all_carries=return_all_carries
    )
    unrolled = unrolled._replace(outputs=zero_padding(unrolled.outputs, mask))
    if time_major:
        return unrolled
    return unrolled._replace(outputs=_swap_time(unrolled.outputs), carries=jax.tree.map(_swap_time, unrolled.carries))


def _described(cell: Unrollable) -> str:
    name = type(cell).__name__ if isinstance(cell, Cell) else type(cell.module).__name__
    return f"{name} of width {cell.features}" if isinstance(cell, Cell) else f"Flax's {name}"


def _swap_time(array: Array) -> Array:
    return jnp.swapaxes(array, 0, 1)
