"""One recurrent layer in seqlab and in each library on JAX, as its users write it: batch-major in, batch-major out.

Each function makes (params, outputs), where ``outputs(params, inputs [B, T, D])`` gives [B, T, H]. The libraries differ
a little in what they compute: Haiku's GRU resets before the recurrent product, the other three after it.
"""

import importlib
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells import make_cell
from seqlab.engines import unroll

Layer = tuple[Any, Callable[[Any, jax.Array], jax.Array]]

FLAX_CELLS: dict[str, Callable[[int], nn.RNNCellBase]] = {
    "vanilla": nn.SimpleCell,
    "gru": nn.GRUCell,
    "lstm": nn.OptimizedLSTMCell,
}
HAIKU_CELLS = {"vanilla": "VanillaRNN", "gru": "GRU", "lstm": "LSTM"}
EQUINOX_CELLS = {"gru": "GRUCell", "lstm": "LSTMCell"}


def seqlab_layer(cell_name: str, num_features: int, hidden_size: int, engine: str = "auto") -> Layer:
    """``seqlab.unroll``."""
    cell = make_cell(cell_name, hidden_size)
    params = cell.init_params(jax.random.key(0), num_features)
    return params, lambda params, inputs: unroll(cell, params, inputs, engine=engine).outputs


def flax_layer(cell_name: str, num_features: int, hidden_size: int) -> Layer:
    """``flax.linen.RNN``, with the faster of its two LSTM cells."""
    rnn = nn.RNN(FLAX_CELLS[cell_name](hidden_size))
    # ``apply`` of any Flax module may give anything, say its types.
    outputs: Any = rnn.apply
    return rnn.init(jax.random.key(0), jnp.zeros((1, 1, num_features))), outputs


def haiku_layer(cell_name: str, num_features: int, hidden_size: int) -> Layer:
    """``haiku.dynamic_unroll``."""
    hk = importlib.import_module("haiku")

    def outputs(inputs: jax.Array) -> jax.Array:
        core = getattr(hk, HAIKU_CELLS[cell_name])(hidden_size)
        return hk.dynamic_unroll(core, inputs, core.initial_state(len(inputs)), time_major=False)[0]

    transformed = hk.without_apply_rng(hk.transform(outputs))
    return transformed.init(jax.random.key(0), jnp.zeros((1, 1, num_features))), transformed.apply


def equinox_layer(cell_name: str, num_features: int, hidden_size: int) -> Layer:
    """A scan over one sequence, and ``vmap`` over the batch, as Equinox's documentation has it."""
    eqx = importlib.import_module("equinox")
    made = getattr(eqx.nn, EQUINOX_CELLS[cell_name])(num_features, hidden_size, key=jax.random.key(0))
    params, static = eqx.partition(made, eqx.is_array)

    def outputs(params: Any, inputs: jax.Array) -> jax.Array:
        cell = eqx.combine(params, static)
        zeros = jnp.zeros(hidden_size)
        # Its LSTM carries (h, c), its GRU h.
        first = (zeros, zeros) if cell_name == "lstm" else zeros

        def step(carry: Any, x_t: jax.Array) -> tuple[Any, jax.Array]:
            carry = cell(x_t, carry)
            return carry, jax.tree.leaves(carry)[0]

        return jax.vmap(lambda sequence: jax.lax.scan(step, first, sequence)[1])(inputs)

    return params, outputs


JAX_LAYERS: dict[str, Callable[[str, int, int], Layer]] = {
    "flax": flax_layer,
    "haiku": haiku_layer,
    "equinox": equinox_layer,
}
