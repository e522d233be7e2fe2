"""How time and memory grow with the length of the sequences, and what a step costs in a stream.

The recurrence takes T steps, so the time of forward with backward should double where T doubles. Its memory does so too
for an engine that keeps every state, and grows by the root of two for one that keeps the states between windows alone:
the loss reads the last state, and the gradient is that of the params, so that nothing else grows with T but the inputs.
In a stream each step is a call of its own that gets nothing but the carry: however long the history, it costs the same,
and is traced once.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import timing
from seqlab.cells import make_cell
from seqlab.core.array_types import Array, Carry, Params
from seqlab.engines import unroll


@dataclass(frozen=True)
class LengthConfig:
    """The layer.

    Attributes:
        batch_size: rows B.
        num_features: width D of the inputs.
        hidden_size: width H.
    """

    batch_size: int = 8
    num_features: int = 64
    hidden_size: int = 128


def measure(
    lengths: Sequence[int],
    cells: Sequence[str],
    engines: Sequence[str],
    repeats: int,
    config: LengthConfig | None = None,
) -> Iterator[dict[str, Any]]:
    """Measures every cell under every engine; gives a row for each.

    Args:
        lengths: numbers of time steps, ascending.
        cells: names of seqlab's cells.
        engines: names of seqlab's engines.
        repeats: turns of each length.
        config: sizes of the layer.
    """
    config = config or LengthConfig()
    for cell in cells:
        for engine in engines:
            programs = {T: compile_gradient(config, cell, engine, T) for T in lengths}
            timings = timing.interleave({T: run for T, (run, _) in programs.items()}, repeats)
            seconds = [timings[T].median for T in lengths]
            memory = [temporary_bytes for _, temporary_bytes in programs.values()]
            yield {
                "cell": cell,
                "engine": engine,
                "config": asdict(config),
                "lengths": list(lengths),
                "seconds": seconds,
                "time_per_doubling": per_doubling(lengths, seconds),
                "temporary_bytes": memory,
                "memory_per_doubling": per_doubling(lengths, memory),
                **stream(config, cell, engine, lengths, repeats),
            }


def per_doubling(lengths: Sequence[int], costs: Sequence[float]) -> list[float]:
    """By what a cost grows from each length to the next, as if that were twice as long; 2 is linear growth.

    >>> per_doubling([1, 2, 8], [3.0, 6.0, 24.0])
    [2.0, 2.0]
    """
    points = pairwise(zip(lengths, costs, strict=True))
    return [(later / cost) ** (1 / math.log2(longer / T)) for (T, cost), (longer, later) in points]


def compile_gradient(config: LengthConfig, cell: str, engine: str, T: int) -> tuple[Callable[[], object], int]:
    """The gradient of the last state's sum by the params as a call, and the bytes that XLA plans for its own use."""
    recurrence = make_cell(cell, config.hidden_size)
    params = recurrence.init_params(jax.random.key(0), config.num_features)

    def total(params: Params, inputs: Array) -> Array:
        carry = unroll(recurrence, params, inputs, engine=engine, time_major=True).carry
        return sum((jnp.sum(leaf) for leaf in jax.tree.leaves(carry)), jnp.zeros(()))

    shape = (T, config.batch_size, config.num_features)
    inputs = jnp.asarray(np.random.default_rng(0).standard_normal(shape, np.float32))
    compiled = jax.jit(jax.grad(total)).lower(params, inputs).compile()
    analysis: Any = compiled.memory_analysis()
    return lambda: jax.block_until_ready(compiled(params, inputs)), analysis.temp_size_in_bytes


def stream(config: LengthConfig, cell: str, engine: str, lengths: Sequence[int], repeats: int) -> dict[str, Any]:
    """Seconds of one step after a history of each of ``lengths`` steps, and how often the step was traced."""
    recurrence = make_cell(cell, config.hidden_size)
    params = recurrence.init_params(jax.random.key(0), config.num_features)
    x_t = jnp.ones((config.batch_size, 1, config.num_features))
    traces = 0

    def step(params: Params, carry: Carry, x_t: Array) -> tuple[Carry, Array]:
        nonlocal traces
        traces += 1
        outputs, carry, _ = unroll(recurrence, params, x_t, initial_carry=carry, engine=engine)
        return carry, outputs

    compiled = jax.jit(step)
    carry = recurrence.initialize_carry(jax.random.key(0), (config.batch_size, config.num_features))
    after, taken = {}, 0
    for T in lengths:
        for _ in range(T - taken):
            carry, _ = compiled(params, carry, x_t)
        after[T], taken = jax.block_until_ready(carry), T
    calls = {T: lambda carry=carry: jax.block_until_ready(compiled(params, carry, x_t)) for T, carry in after.items()}
    timings = timing.interleave(calls, repeats)
    return {"stream_step_seconds": [timings[T].median for T in lengths], "stream_traces": traces}
