"""The oracle of the engines: every sequence alone, at its true length, in a plain loop without masks.

It knows nothing of padding, holes, resets or direction. A row is cut into the sequences that it holds, each is put in
the order in which it is read, run by itself and differentiated by walking back over its steps; then everything is laid
back where it belongs.
"""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from seqlab.engines import Unrolled
from tests.contracts.cases import Example, Gradients, T, fresh_carry, jit, make, rows


def expected(
    cell_name: str, given: Example, *, lengths: Any, mask: Any, resets: Any, reverse: bool
) -> tuple[Unrolled, Gradients]:
    """What every engine has to return for this example, and the derivatives by params, inputs and first carry."""
    exists = np.asarray(mask, bool) & (np.arange(T) < np.asarray(lengths)[:, None])
    resets = np.asarray(resets, bool)
    given = jax.tree.map(np.asarray, given)
    singles = [_one_row(cell_name, given, row, exists[row], resets[row], reverse) for row in range(len(exists))]
    unrolled, gradients = jax.tree.map(lambda *leaves: np.stack(leaves), *singles)
    return unrolled, gradients._replace(params=jax.tree.map(lambda leaf: leaf.sum(axis=0), gradients.params))


def sequences(steps: np.ndarray, resets: np.ndarray, reverse: bool) -> Iterator[tuple[np.ndarray, bool]]:
    """Cuts a row's real steps, in running order, where new sequences begin in time; and which of them start afresh.

    Forward, the first one goes on from the first carry unless a reset stands at its own first step. Backward it is the
    last one in time that is read first, and nothing parts it from the first carry.
    """
    in_time = np.sort(steps)
    pieces = [piece for piece in np.split(in_time, np.flatnonzero(resets[in_time])) if len(piece)]
    for number, piece in enumerate(pieces[::-1] if reverse else pieces):
        starts_afresh = number > 0 or (not reverse and bool(resets[piece[0]]))
        yield piece[::-1] if reverse else piece, starts_afresh


def _one_row(
    cell_name: str, given: Example, row: int, exists: np.ndarray, resets: np.ndarray, reverse: bool
) -> tuple[Unrolled, Gradients]:
    fresh = fresh_carry(cell_name, batch_size=1)
    first = rows(given.carry, [row])
    weights = rows(given.weights, row)
    order = np.arange(T)[::-1] if reverse else np.arange(T)

    # The state stands still where no step exists: after time t it is the one that the last of ``made[t]`` real steps
    # made, or the first carry. So the weights of a state that is seen several times are added up.
    made = np.zeros(T, int)
    made[order] = np.cumsum(exists[order])

    def owed_to_states(of_carries: Any, of_last: Any) -> np.ndarray:
        total = np.zeros((exists.sum() + 1, *of_last.shape), np.float32)
        np.add.at(total, made, of_carries)
        total[-1] += of_last
        return total

    owed = jax.tree.map(owed_to_states, weights.carries, weights.carry)
    states = [first]
    outputs: Any = np.zeros(weights.outputs.shape)
    by_inputs = np.zeros(given.inputs.shape[1:])
    by_params = jax.tree.map(np.zeros_like, given.params)
    by_first = rows(owed, 0)
    for times, starts_afresh in sequences(order[exists[order]], resets, reverse):
        own_weights = weights.outputs[times], rows(owed, slice(len(states), len(states) + len(times)))
        start = fresh if starts_afresh else first
        outputs[times], made_here, back = _alone(cell_name, given.params, given.inputs[row, times], start, own_weights)
        states += made_here
        by_inputs[times] = back.inputs
        by_params = jax.tree.map(np.add, by_params, back.params)
        if not starts_afresh:
            by_first = jax.tree.map(np.add, by_first, rows(back.carry, 0))

    all_states = jax.tree.map(lambda *leaves: np.concatenate(leaves), *states)
    unrolled = Unrolled(outputs, carry=rows(all_states, -1), carries=rows(all_states, made))
    return unrolled, Gradients(by_params, by_inputs, by_first)


def _alone(
    cell_name: str, params: Any, inputs: np.ndarray, carry: Any, weights: tuple[np.ndarray, Any]
) -> tuple[np.ndarray, list[Any], Gradients]:
    """Runs one sequence [n, ..., F] from a carry of batch 1: outputs [n, H], the n states, and derivatives."""
    step, step_back = _one_step(cell_name)
    states, outputs = [carry], []
    for x in inputs:
        carry, output = step(params, states[-1], x[None])
        states.append(carry)
        outputs.append(output[0])

    of_outputs, of_states = weights
    by_inputs = np.zeros_like(inputs)
    by_params = jax.tree.map(np.zeros_like, params)
    by_carry = jax.tree.map(np.zeros_like, carry)
    for t in reversed(range(len(inputs))):
        by_carry = jax.tree.map(np.add, by_carry, rows(of_states, [t]))
        back = step_back(params, states[t], inputs[[t]], by_carry, of_outputs[[t]])
        by_inputs[t] = back.inputs[0]
        by_params = jax.tree.map(np.add, by_params, back.params)
        by_carry = back.carry
    return np.stack(outputs), states[1:], Gradients(by_params, by_inputs, by_carry)


@functools.cache
def _one_step(cell_name: str) -> tuple[Any, Any]:
    """One step of a cell and its derivative, the whole of the oracle that is compiled."""
    cell = make(cell_name)

    def step(params: Any, carry: Any, x: Any) -> Any:
        return cell.step(params, carry, cell.project(params, x))

    def step_back(params: Any, carry: Any, x: Any, of_carry: Any, of_output: Any) -> Gradients:
        _, pull_back = jax.vjp(step, params, carry, x)
        by_params, by_carry, by_x = pull_back((of_carry, of_output))
        return Gradients(by_params, by_x, by_carry)

    return jit(step), jit(step_back)
