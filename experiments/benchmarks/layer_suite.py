"""One recurrent layer over a batch of sequences, forward and forward with backward.

    forward:           outputs [B, T, H] of inputs [B, T, D]
    forward+backward:  gradient of sum(weights * outputs) by params and inputs

All competitors get the same batch-major float32 inputs and start from a zero state, each with its own params. Forward
alone keeps nothing for a derivative.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import timing, torch_peer
from experiments.benchmarks.jax_layers import JAX_LAYERS, Layer, seqlab_layer
from experiments.benchmarks.peers import PEERS

PASSES = ("forward", "forward+backward")


class Workload(NamedTuple):
    """What a layer is given.

    Attributes:
        inputs: [B, T, D].
        weights: of the outputs in the loss [B, T, H].
        backward: whether the gradient is asked for.
    """

    inputs: np.ndarray
    weights: np.ndarray
    backward: bool


def measure(
    shapes: Iterable[Sequence[int]],
    cells: Iterable[str],
    engines: Sequence[str],
    peers: Sequence[str],
    repeats: int,
) -> Iterator[dict[str, Any]]:
    """Times every cell, pass and shape; gives a row for each as soon as it is measured.

    Args:
        shapes: (B, T, D, H) each.
        cells: names in ``peers.CELLS``.
        engines: seqlab's engines, each a competitor of its own.
        peers: names in ``peers.PEERS``, of libraries that are there.
        repeats: turns of each competitor.
    """
    shapes = list(shapes)
    for cell in cells:
        for number, shape in [(number, shape) for number in range(len(PASSES)) for shape in shapes]:
            work = make_workload(shape, backward=number == 1)
            timings = timing.interleave(competitors(cell, work, engines, peers), repeats)
            seconds = {name: each.median for name, each in timings.items()}
            yield {
                "cell": cell,
                "pass": PASSES[number],
                "shape": list(shape),
                "seconds": seconds,
                "fastest_seconds": {name: each.fastest for name, each in timings.items()},
                "ratios": timing.ratios(seconds),
            }


def make_workload(shape: Sequence[int], *, backward: bool) -> Workload:
    """Standard normal inputs and weights for (B, T, D, H)."""
    B, T, D, H = shape
    rng = np.random.default_rng(0)
    inputs, weights = rng.standard_normal((B, T, D), np.float32), rng.standard_normal((B, T, H), np.float32)
    return Workload(inputs, weights, backward)


def competitors(
    cell: str, work: Workload, engines: Sequence[str], peers: Sequence[str]
) -> dict[str, Callable[[], object]]:
    """A call for each of seqlab's engines and for each peer that has the cell."""
    D, H = work.inputs.shape[-1], work.weights.shape[-1]
    calls = {f"{timing.OURS}{name}": jax_call(seqlab_layer(cell, D, H, engine=name), work) for name in engines}
    for name in peers:
        if cell not in PEERS[name].cells:
            continue
        if name == "torch":
            calls[name] = torch_peer.layer_call(cell, work.inputs, work.weights, H, backward=work.backward)
        else:
            calls[name] = jax_call(JAX_LAYERS[name](cell, D, H), work)
    return calls


def jax_call(layer: Layer, work: Workload) -> Callable[[], object]:
    """The compiled layer as a call that waits for its result."""
    params, outputs = layer

    def loss(params: Any, inputs: jax.Array, weights: jax.Array) -> jax.Array:
        return jnp.sum(outputs(params, inputs) * weights)

    inputs, weights = jnp.asarray(work.inputs), jnp.asarray(work.weights)
    if work.backward:
        gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
        return lambda: jax.block_until_ready(gradient(params, inputs, weights))
    forward = jax.jit(outputs)
    return lambda: jax.block_until_ready(forward(params, inputs))
