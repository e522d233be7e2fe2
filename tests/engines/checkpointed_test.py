"""What the checkpointed engine promises beyond the laws: memory, and the windows that give it."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from seqlab import unroll
from seqlab.cells import LSTMCell, ResetBeforeGRUCell
from seqlab.engines.checkpointed import window_size

B, F, H = 4, 8, 32


def working_memory(cell: Any, engine: str, num_steps: int) -> int:
    """Bytes that the gradient of a function of the last state needs beside its arguments and results."""
    params = jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F))
    inputs = jax.ShapeDtypeStruct((num_steps, B, F), jnp.float32)

    def total(params: Any, inputs: Any) -> Any:
        carry = unroll(cell, params, inputs, time_major=True, engine=engine).carry
        return sum(leaf.sum() for leaf in jax.tree.leaves(carry))

    analysis = jax.jit(jax.grad(total)).lower(params, inputs).compile().memory_analysis()
    assert analysis is not None
    return analysis.temp_size_in_bytes


# By the fused loop and by the scan inside a window.
@pytest.mark.parametrize(
    "cell", [LSTMCell(H), pytest.param(ResetBeforeGRUCell(H), marks=pytest.mark.slow)], ids=["LSTM", "GRU"]
)
def test_four_times_the_steps_take_twice_the_memory(cell):
    short, long = (working_memory(cell, "checkpointed", num_steps) for num_steps in (1024, 4096))
    assert long < 2.5 * short
    assert 5 * long < working_memory(cell, "scan", 4096)


@pytest.mark.parametrize("num_steps", [1, 2, 3, 7, 36, 97, 1000, 2048, 10007])
def test_a_window_is_near_the_root_and_divides_the_steps_where_it_can(num_steps):
    size = window_size(num_steps)
    assert size**2 <= 4 * num_steps <= 16 * (size + 1) ** 2
    if num_steps in (36, 1000, 2048):
        assert num_steps % size == 0
