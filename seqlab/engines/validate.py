"""Checks of what is handed to ``unroll``: wrong shapes and values are named before anything is compiled.

Without them, XLA broadcasts, wraps and clips in silence: a length above T reads padding, a carry of batch 1 is
shared by all rows. Values can only be looked at where they are known; under ``jit`` shapes alone are checked, and the
data readers have looked at the lengths before.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from seqlab.cells.base import Cell
from seqlab.cells.variational import masked_state
from seqlab.core.array_types import Carry, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.trees import named_leaves
from seqlab.engines.base import Unrollable


def check_inputs(inputs: Any, num_feature_axes: int = 1) -> None:
    """Inputs are floating, with axes for batch and time, for space where a cell has any (S), and for features."""
    if jnp.ndim(inputs) != 2 + num_feature_axes:
        features = "S, " * (num_feature_axes - 1) + "F"
        few = jnp.ndim(inputs) < 2 + num_feature_axes
        raise SeqlabError(
            f"inputs must be [B, T, {features}] (time-major [T, B, {features}]); got shape {jnp.shape(inputs)}. "
            + ("A single sequence needs a batch axis: inputs[None]." if few else "Fold further axes into B or F.")
        )
    if not jnp.issubdtype(inputs.dtype, jnp.inexact):
        raise SeqlabError(f"inputs must be floating; got {inputs.dtype}. Embed ids first (seqlab.layers.Embedding).")
    if inputs.shape[0] == 0 or inputs.shape[1] == 0:
        raise SeqlabError(f"inputs must have at least one sequence and one step; got shape {inputs.shape}.")


def check_lengths(lengths: Any, batch_size: int, num_steps: int) -> None:
    """Lengths are integers [B] in [0, T]."""
    if jnp.shape(lengths) != (batch_size,) or not jnp.issubdtype(jnp.result_type(lengths), jnp.integer):
        raise SeqlabError(
            f"lengths must be integers [B] = [{batch_size}]; got {jnp.result_type(lengths)} {jnp.shape(lengths)}."
        )
    if isinstance(lengths, Tracer):
        return
    values = np.asarray(lengths)
    wrong = np.flatnonzero((values < 0) | (values > num_steps))
    if wrong.size:
        row = int(wrong[0])
        raise SeqlabError(
            f"lengths must lie in [0, {num_steps}]; got {values[row]} in row {row}. Truncate it or pad further."
        )


def check_steps(name: str, flags: Any, shape: tuple[int, ...], axes: str) -> None:
    """A mask or resets are booleans over batch and time, laid out as the inputs are."""
    if jnp.shape(flags) != shape or jnp.result_type(flags) != jnp.bool_:
        raise SeqlabError(
            f"{name} must be booleans {axes} = {list(shape)}; got {jnp.result_type(flags)} {jnp.shape(flags)}."
        )


def check_params(cell: Unrollable, params: Params, num_features: int) -> None:
    """Params have the names and shapes of this cell for inputs of this width."""
    if not isinstance(cell, Cell):
        return  # Flax checks the params of its own cells.
    expected = {name: shape for name, (_, shape) in cell.all_specs(num_features).items()}
    found = {name: jnp.shape(leaf) for name, leaf in named_leaves(params).items() if name != "state_mask"}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise SeqlabError(
                f"params of {type(cell).__name__}({cell.features}) with inputs of width {num_features}: '{name}' "
                f"should be {_describe(expected, name)}; got {_describe(found, name)}. Were they made for another cell?"
            )


def check_state_mask(cell: Unrollable, params: Params, fresh: Carry) -> None:
    """A mask on the state, where params hold one, fits the state, and the cell has a product to apply it in."""
    if not isinstance(cell, Cell) or "state_mask" not in params:
        return
    mask, hidden = params["state_mask"], masked_state(cell, params, fresh)
    if jnp.shape(mask) != hidden.shape or jnp.result_type(mask) != hidden.dtype:
        raise SeqlabError(
            f"state_mask of {type(cell).__name__} must be {hidden.dtype} {hidden.shape}, one row for each sequence; "
            f"got {jnp.result_type(mask)} {jnp.shape(mask)}."
        )


def check_carry(cell: Unrollable, carry: Carry, fresh: Carry) -> None:
    """A given carry has the structure, shapes and types of the cell's own."""
    name = type(cell).__name__ if isinstance(cell, Cell) else type(cell.module).__name__
    if jax.tree.structure(carry) != jax.tree.structure(fresh):
        # LSTMCarry(c, h) and the plain tuple (c, h) hold the same; anything else is another cell's.
        raise SeqlabError(
            f"initial_carry of {name} must have the structure {jax.tree.structure(fresh)}; "
            f"got {jax.tree.structure(carry)}. Make one with cell.initialize_carry."
        )
    for (path, leaf), expected in zip(named_leaves(carry).items(), jax.tree.leaves(fresh), strict=True):
        if jnp.shape(leaf) != expected.shape or jnp.result_type(leaf) != expected.dtype:
            raise SeqlabError(
                f"initial_carry of {name}, leaf '{path}', must be {expected.dtype} {expected.shape}; "
                f"got {jnp.result_type(leaf)} {jnp.shape(leaf)}."
            )


def _describe(shapes: dict[str, tuple[int, ...]], name: str) -> str:
    return str(shapes[name]) if name in shapes else "absent"
