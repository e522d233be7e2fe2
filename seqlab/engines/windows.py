"""Time in windows: a scan over windows of K steps, with whatever engine inside each.

What an engine does at the border between two windows is what it is for: ``checkpointed`` forgets everything but the
carry, ``truncated`` stops the gradient there, ``fused`` projects the inputs of the next window and no more. Borders lie
at multiples of K counted from the start of time, in both directions, so that padding behind a sequence moves none; the
last T mod K steps are a shorter window of their own.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array


class Window(NamedTuple):
    """What an engine reads; time is the first axis, and all of it or one window's.

    Attributes:
        inputs: [T, B, F], not yet projected: the projection of all T steps would be the largest array of all.
        mask: see ``Controls``.
        resets: see ``Controls``.
    """

    inputs: Array
    mask: Array | None
    resets: Array | None


# From a state and a window to the next state and what the window gives, each leaf with time first.
Run = Callable[[Any, Window], tuple[Any, Any]]


def scan_windows(run: Run, state: Any, steps: Window, window: int, *, reverse: bool) -> tuple[Any, Any]:
    """Scans ``run`` over windows of ``window`` steps, in running order; returns the last state and all that they give.

    ``run`` is traced twice at most: for the whole windows, and for the shorter one where there is one.
    """
    num_steps = len(steps.inputs)
    whole = num_steps // window * window
    results = {}
    for part in ("rest", "whole") if reverse else ("whole", "rest"):
        if part == "rest" and whole < num_steps:
            state, results[part] = run(state, jax.tree.map(lambda leaf: leaf[whole:], steps))
        if part == "whole" and whole > 0:
            cut = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, window, *leaf.shape[1:]), steps)
            state, windows = jax.lax.scan(run, state, cut, reverse=reverse)
            results[part] = jax.tree.map(lambda leaf: leaf.reshape(whole, *leaf.shape[2:]), windows)
    in_time = [results[part] for part in ("whole", "rest") if part in results]
    return state, jax.tree.map(lambda *parts: jnp.concatenate(parts), *in_time) if len(in_time) > 1 else in_time[0]
