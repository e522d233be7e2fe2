"""Params to convert: random ones of any width, and those of other libraries, made by tests/golden/generate_*.py."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies

from seqlab.cells import make_cell
from seqlab.layers.config import RecurrentConfig
from tests.contracts.cases import jit

GOLDEN = Path(__file__).parents[1] / "golden"

widths = strategies.integers(1, 5)
seeds = strategies.integers(0, 2**32 - 1)
dtypes = strategies.sampled_from([np.float16, np.float32, np.float64, jnp.bfloat16])


def golden(file_name, owner):
    """The arrays of one module, by what they are."""
    with np.load(GOLDEN / file_name, allow_pickle=False) as arrays:
        return {name.removeprefix(owner + "/"): arrays[name] for name in arrays if name.startswith(owner + "/")}


def below(arrays, folder):
    return {name.removeprefix(folder + "/"): array for name, array in arrays.items() if name.startswith(folder + "/")}


def numbers(rng, shape, dtype=np.float32):
    """Normal numbers, and a few zeros of either sign: those that a sum could change."""
    array = np.asarray(rng.standard_normal(shape)).astype(dtype)
    array[rng.random(shape) < 0.2] = 0.0
    array[rng.random(shape) < 0.2] = -0.0
    return array


def random_cell(name, num_features, width, seed, dtype=np.float32, **options):
    """Params of one cell of ours."""
    rng = np.random.default_rng(seed)
    specs = make_cell(name, width, **options).param_specs(num_features)
    return {leaf: numbers(rng, shape, dtype) for leaf, (_, shape) in specs.items()}


def random_stack(name, num_features, width, num_layers, bidirectional, seed, dtype=np.float32):
    """Params of a stack of ours, made without the model: {"layers_0": {"cell": ...}}, or a dict for each direction."""
    directions = ["forward", "backward"] if bidirectional else [""]
    tree = {}
    for number in range(num_layers):
        cells = {
            direction: {"cell": random_cell(name, num_features, width, (seed, number, place), dtype)}
            for place, direction in enumerate(directions)
        }
        tree[f"layers_{number}"] = cells if bidirectional else cells[""]
        num_features = len(directions) * len(cells[directions[0]]["cell"]["recurrent_kernel"])
    return tree


def run_stack(params, inputs, cell, width, num_layers=1, bidirectional=False):
    """Outputs of our stack from a state of zeros."""
    stack: Any = RecurrentConfig(cell, width, num_layers, bidirectional).make()
    return jit(lambda params, inputs: stack.apply({"params": params}, inputs).outputs)(params, inputs)


def assert_same_bits(found, expected):
    """Both trees have the same leaves, types and bytes: a zero's sign counts."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert isinstance(one, np.ndarray)
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
