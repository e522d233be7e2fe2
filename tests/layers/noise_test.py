"""What a recurrent layer draws, from which keys, and when: the wrappers themselves are tested in tests/cells."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import make_cell
from seqlab.cells.zoneout import ZoneoutCell, zoneout_noise
from seqlab.core.errors import SeqlabError
from seqlab.engines import unroll
from seqlab.layers import Bidirectional, Dropout, Recurrent, Stacked
from tests.contracts.cases import jit

B, T, F, H = 3, 3, 2, 5
INPUTS = jax.random.normal(jax.random.key(1), (B, T, F))
KEYS = [jax.random.key(2), jax.random.key(3)]


@functools.cache
def program(layer):
    return jit(lambda params, key, rates: layer.apply({"params": params}, INPUTS, rngs={"dropout": key}, **rates))


@functools.cache
def layer_of(**options):
    layer: Any = Recurrent(make_cell("gru", H), **options)
    return layer, jit(layer.init)(KEYS[0], INPUTS)["params"]


@pytest.mark.parametrize("name", ["state_dropout_rate", "weight_drop_rate"])
def test_what_is_dropped_from_the_recurrence_shows_from_the_second_step_on(name):
    layer, params = layer_of()
    plain = jit(lambda params: layer.apply({"params": params}, INPUTS))(params).outputs
    rates = {"state_dropout_rate": 0.0, "weight_drop_rate": 0.0}
    one, again, other = (program(layer)(params, key, {**rates, name: 0.5}).outputs for key in (*KEYS[:1], *KEYS))
    np.testing.assert_array_equal(one, again)
    np.testing.assert_allclose(one[:, 0], plain[:, 0], rtol=1e-6)
    assert not np.allclose(one[:, 1], plain[:, 1])
    assert not np.allclose(one[:, 1], other[:, 1])
    # A traced rate of 0 keeps everything.
    np.testing.assert_allclose(program(layer)(params, KEYS[0], rates).outputs, plain, rtol=1e-5, atol=1e-6)


def test_zoneout_draws_where_there_are_keys_and_takes_its_rates_where_there_are_none():
    layer, params = layer_of(zoneout_rates=0.25)
    evaluated = jit(lambda params: layer.apply({"params": params}, INPUTS))(params).outputs
    noise = zoneout_noise(layer.cell, (B, T), 0.25)
    inputs = jnp.concatenate([INPUTS, noise], axis=-1)
    expected = jit(functools.partial(unroll, ZoneoutCell(cell=layer.cell)))(params["cell"], inputs).outputs
    np.testing.assert_allclose(evaluated, expected, rtol=1e-6)
    one, other = (np.asarray(program(layer)(params, key, {}).outputs) for key in KEYS)
    assert not np.allclose(one, other)
    # Beginning from zeros, a unit that stands still at the first step is zero there.
    assert 0 < (one[:, 0] == 0).sum() < B * H


def test_both_directions_draw_for_themselves():
    cell = make_cell("vanilla", 16)
    layer = Bidirectional(forward=Recurrent(cell), backward=Recurrent(cell, reverse=True))
    params = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), jax.eval_shape(layer.init, KEYS[0], INPUTS)["params"])
    palindrome = jnp.ones((B, T, F))
    run = jit(lambda: layer.apply({"params": params}, palindrome, state_dropout_rate=0.5, rngs={"dropout": KEYS[0]}))
    ahead, back = np.split(np.asarray(run().outputs), 2, axis=-1)
    assert not np.array_equal(ahead, back[:, ::-1])


def test_a_variational_mask_between_layers_is_one_for_all_steps():
    cells = [Recurrent(make_cell("vanilla_relu", 16)) for _ in range(2)]
    eye, zeros = jnp.eye(16), jnp.zeros((16, 16))
    cell_params = {"cell": {"input_kernel": eye, "recurrent_kernel": zeros, "bias": zeros[0]}}
    params = {f"layers_{number}": cell_params for number in range(2)}
    stacked = Stacked(tuple(cells), variational_dropout=True)
    ones = jnp.ones((B, T, 16))
    run = jit(lambda: stacked.apply({"params": params}, ones, dropout_rate=0.5, rngs={"dropout": KEYS[0]}))
    outputs = np.asarray(run().outputs)
    assert set(np.unique(outputs)) == {0, 2}
    assert (outputs == outputs[:, :1]).all()
    assert not np.array_equal(outputs[0], outputs[1])


def test_variational_dropout_needs_no_key_at_rate_0():
    assert Dropout(variational=True).apply({}, INPUTS, 0.0) is INPUTS


def test_linear_recurrences_refuse_what_needs_a_recurrent_product():
    layer = Recurrent(make_cell("min_gru", H))
    params = jit(layer.init)(KEYS[0], INPUTS)["params"]
    for name in ("state_dropout_rate", "weight_drop_rate"):
        rates: Any = {name: 0.5}
        with pytest.raises(SeqlabError, match="recurrent"):
            layer.apply({"params": params}, INPUTS, rngs={"dropout": KEYS[0]}, **rates)
