"""One LSTM layer on an NVIDIA GPU: microseconds a time step, for one model and for many side by side.

    one model:    inputs [B, T, H] through a layer of width H, forward, and forward with backward (see ``layer_suite``)
    many models:  the same inputs through as many layers with params of their own, under ``vmap``; in PyTorch one after
                  the other

A step of a loop costs a GPU much the same whatever its size, while the launch of its kernels takes longer than they do.
So the figure is time over T, for all models together. An engine that cannot run a case, or fails in it, is named with
the reason, and the others go on.
"""

import functools
import importlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from experiments.benchmarks import timing, torch_peer
from experiments.benchmarks.layer_suite import PASSES, Workload, make_workload
from experiments.benchmarks.peers import why_not_there
from seqlab.cells import LSTMCell
from seqlab.core.array_types import Array, Params
from seqlab.core.errors import SeqlabError
from seqlab.engines import unroll

SHAPES = ((16, 1024, 768), (64, 512, 128))
MODELS = (1, 64)
ENGINES = ("scan", "scan:4", "scan:8", "fused", "cudnn", "pallas")


def measure(
    repeats: int,
    *,
    shapes: Sequence[tuple[int, int, int]] = SHAPES,
    models: Sequence[int] = MODELS,
    engines: Sequence[str] = ENGINES,
    torch_device: str | None = "cuda",
) -> Iterator[dict[str, Any]]:
    """Times every shape, number of models and pass; gives a row for each as soon as it is measured.

    Args:
        repeats: turns of each competitor.
        shapes: (B, T, H) each.
        models: numbers of models.
        engines: names of seqlab's engines, each a competitor.
        torch_device: where PyTorch runs beside them; ``None`` for not at all.
    """
    for B, T, H in shapes:
        for num_models in models:
            for number, name in enumerate(PASSES):
                work = make_workload((B, T, H, H), backward=number == 1)
                calls, failed = competitors(work, num_models, engines, torch_device)
                seconds = {key: each.median for key, each in timing.interleave(calls, repeats).items()}
                yield {
                    "shape": [B, T, H],
                    "models": num_models,
                    "pass": name,
                    "seconds": seconds,
                    "microseconds_a_step": {key: 1e6 * value / T for key, value in seconds.items()},
                    "ratios": timing.ratios(seconds),
                    "failed": failed,
                }


def competitors(
    work: Workload, num_models: int, engines: Sequence[str], torch_device: str | None
) -> tuple[dict[str, Callable[[], object]], dict[str, str]]:
    """A call for each competitor that can do it, and for the others the reason why not."""
    calls: dict[str, Callable[[], object]] = {}
    failed: dict[str, str] = {}
    for engine in engines:
        name = f"{timing.OURS}{engine}"
        try:
            call = compiled(work, num_models, engine)
            call()
        except (SeqlabError, NotImplementedError, jax.errors.JaxRuntimeError) as error:
            failed[name] = str(error).partition("\n")[0]
        else:
            calls[name] = call
    if torch_device is not None:
        calls["torch"] = torch_peer.layer_call(
            "lstm",
            *(work.inputs, work.weights, work.weights.shape[-1]),
            backward=work.backward,
            device=torch_device,
            num_models=num_models,
        )
    return calls, failed


def compiled(work: Workload, num_models: int, engine: str) -> Callable[[], object]:
    """All models as one program, as a call that waits for its result."""
    num_features, H = work.inputs.shape[-1], work.weights.shape[-1]
    cell = LSTMCell(H)
    init = functools.partial(cell.init_params, num_features=num_features)
    inputs, weights = jnp.asarray(work.inputs), jnp.asarray(work.weights)

    def outputs(params: Params, inputs: Array) -> Array:
        return unroll(cell, params, inputs, engine=engine).outputs

    def loss(params: Params, inputs: Array) -> Array:
        return jnp.sum(outputs(params, inputs) * weights)

    run = jax.grad(loss, argnums=(0, 1)) if work.backward else outputs
    if num_models == 1:
        # cuDNN's operation cannot be under vmap, be it over one model.
        params = init(jax.random.key(0))
    else:
        params = jax.vmap(init)(jax.random.split(jax.random.key(0), num_models))
        run = jax.vmap(run, in_axes=(0, None))
    program = jax.jit(run).lower(params, inputs).compile()
    return lambda: jax.block_until_ready(program(params, inputs))


def why_skipped(peers: Collection[str]) -> dict[str, str]:
    """Those of the peers that are not measured here, each with the reason; PyTorch is the one that can be."""
    skipped = {name: "not in the gpu suite" for name in peers if name != "torch"}
    if "torch" in peers:
        why = why_not_there("torch")
        if not why and not importlib.import_module("torch").cuda.is_available():
            why = "built without CUDA, or finds no GPU"
        skipped |= {"torch": why} if why else {}
    return skipped
