"""What the truncated engine promises in place of the law of gradients: those of its windows, each by itself."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab import unroll
from seqlab.cells import ResetBeforeGRUCell, VanillaCell
from tests.contracts.cases import assert_close, jit, random_like

B, T, F, H, K = 3, 7, 2, 4, 3
LENGTHS = np.array([7, 2, 5])
# By the fused loop and by the scan inside a window.
CELLS = {"vanilla": VanillaCell(H), "gru_reset_before": ResetBeforeGRUCell(H)}


def example(cell: Any) -> tuple[Any, Any, Any]:
    """Params, inputs and first carry."""
    params = jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F))
    inputs = jax.ShapeDtypeStruct((B, T, F), jnp.float32)
    carry = jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), (B, F)))
    return jax.tree.map(jnp.asarray, random_like((params, inputs, carry), seed=1, scale=0.7))


def gradients(run: Any, *arguments: Any) -> Any:
    """Derivatives of a weighted sum of outputs and last carry by all arguments."""
    outputs, carry = jax.eval_shape(run, *arguments)
    weights = jax.tree.map(jnp.asarray, random_like((outputs, carry), seed=2))
    return jit(lambda *arguments: jax.vjp(run, *arguments)[1](weights))(*arguments)


def by_engine(cell: Any, engine: str, params: Any, inputs: Any, carry: Any, **options: Any) -> Any:
    unrolled = unroll(cell, params, inputs, initial_carry=carry, engine=engine, **options)
    return unrolled.outputs, unrolled.carry


def windows_of_the_loop(cell: Any, params: Any, inputs: Any, carry: Any, *, reverse: bool) -> Any:
    """The loop over one window after the other, each from a carry that is a constant; borders at 3 and 6."""
    outputs = {}
    starts = range(0, T, K)
    for number, start in enumerate(reversed(starts) if reverse else starts):
        if number > 0:
            carry = jax.lax.stop_gradient(carry)
        window = inputs[:, start : start + K]
        outputs[start], carry = by_engine(cell, "loop", params, window, carry, reverse=reverse)
    return jnp.concatenate([outputs[start] for start in starts], axis=1), carry


@pytest.mark.parametrize(
    ("name", "reverse"),
    [("vanilla", False), ("vanilla", True), pytest.param("gru_reset_before", False, marks=pytest.mark.slow)],
)
def test_gradients_are_those_of_windows_whose_first_carry_is_a_constant(name, reverse):
    cell, given = CELLS[name], example(CELLS[name])
    found = gradients(functools.partial(by_engine, cell, f"truncated:{K}", reverse=reverse), *given)
    expected = gradients(functools.partial(windows_of_the_loop, cell, reverse=reverse), *given)
    assert_close(found, expected)
    full = gradients(functools.partial(by_engine, cell, "scan", reverse=reverse), *given)
    with pytest.raises(AssertionError):
        assert_close(found, full)


def test_windows_no_shorter_than_the_sequence_give_the_full_gradient():
    cell, given = CELLS["vanilla"], example(CELLS["vanilla"])
    full = gradients(functools.partial(by_engine, cell, "scan"), *given)
    assert_close(gradients(functools.partial(by_engine, cell, f"truncated:{T}"), *given), full)


@pytest.mark.parametrize("reverse", [pytest.param(False, marks=pytest.mark.slow), True], ids=["forward", "backward"])
def test_a_row_that_fits_in_one_window_has_its_full_gradient_whatever_the_others_are(reverse):
    cell, given = CELLS["vanilla"], example(CELLS["vanilla"])
    options = {"lengths": jnp.asarray(LENGTHS), "reverse": reverse}
    _, by_inputs, by_carry = gradients(functools.partial(by_engine, cell, f"truncated:{K}", **options), *given)
    _, full_inputs, full_carry = gradients(functools.partial(by_engine, cell, "scan", **options), *given)
    short = np.flatnonzero(LENGTHS <= K)
    assert_close(
        (by_inputs[short], by_carry[short]),
        (full_inputs[short], full_carry[short]),
    )
    assert np.abs(np.asarray(by_inputs - full_inputs)).max() > 0.01
