"""Both ways: any Flax cell runs in our engines, and our cells run inside Flax's own layers."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.engines import FlaxCell, unroll
from seqlab.engines.select import supported_engines
from tests.contracts.cases import (
    FIRST_LAW_ALONE,
    SPELLED,
    B,
    F,
    H,
    T,
    assert_close,
    assert_equal,
    for_all_cells,
    fresh_carry,
    inputs_shape,
    jit,
    make,
    quick_if,
    random_like,
    random_params,
)

FLAX_CELLS = {
    "conv_lstm_2d": nn.ConvLSTMCell(H, (2, 2)),
    "gru": nn.GRUCell(H),
    "lstm": nn.LSTMCell(H),
    "mgu": nn.MGUCell(H),
    "optimized_lstm": nn.OptimizedLSTMCell(H),
    "simple": nn.SimpleCell(H),
}
# Flax's layers have no answer for length 0, so there is none here.
LENGTHS = jnp.array([4, 1, 3, 2, 4])
WITHIN = np.arange(T) < np.asarray(LENGTHS)[:, None]


def inputs_of(cell_name):
    """Inputs [B, T, ..., F] that are the same at each call."""
    shape = inputs_shape(cell_name, B, T)
    return jnp.asarray(np.random.default_rng(5).standard_normal(shape), jnp.float32)


def random_variables(module, inputs):
    """Params of a Flax module with no zeros in them."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), inputs))
    return jax.tree.map(jnp.asarray, random_like(shapes, seed=6, scale=0.5))


def flax_layer(layer, variables, inputs) -> Any:
    return jit(functools.partial(layer.apply, seq_lengths=LENGTHS))(variables, inputs)


def unrolled(cell, params, inputs, **options) -> Any:
    return jit(functools.partial(unroll, cell, lengths=LENGTHS, **options))(params, inputs)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize(
    ("name", "engine"),
    [(name, "scan") for name in FLAX_CELLS if name != "lstm"]
    + [
        quick_if(SPELLED.get(engine, engine) not in FIRST_LAW_ALONE, "lstm", SPELLED.get(engine, engine))
        for engine in supported_engines(FlaxCell(FLAX_CELLS["lstm"]))
    ],
)
def test_a_flax_cell_in_our_engines_equals_flax_s_own_layer(name, engine, reverse):
    layer = nn.RNN(FLAX_CELLS[name], return_carry=True, reverse=reverse, keep_order=True)
    inputs = inputs_of(name)
    variables = random_variables(layer, inputs)
    params = variables["params"]["cell"]
    carry, outputs = flax_layer(layer, variables, inputs)
    found = unrolled(FLAX_CELLS[name], params, inputs, reverse=reverse, engine=engine)
    assert_close(found.outputs[WITHIN], outputs[WITHIN])
    assert_close(found.carry, carry)


@pytest.mark.parametrize("name", FLAX_CELLS)
def test_a_wrapped_flax_cell_makes_the_params_that_flax_makes(name):
    cell = FlaxCell(FLAX_CELLS[name])
    shape = inputs_shape(name, 1)

    @jit
    def both(key):
        of_flax = cell.module.init(key, cell.initialize_carry(key, shape), jnp.zeros(shape))["params"]
        return cell.init_params(key, F), of_flax

    assert_equal(*both(jax.random.key(7)))


@for_all_cells
def test_our_cell_inside_flax_s_layer_equals_our_unrolling(cell_name):
    cell = make(cell_name)
    layer = nn.RNN(cell, return_carry=True)
    inputs = inputs_of(cell_name)
    variables = random_variables(layer, inputs)
    carry, outputs = flax_layer(layer, variables, inputs)
    found = unrolled(cell, variables["params"]["cell"], inputs)
    assert_close(found.outputs[WITHIN], outputs[WITHIN])
    assert_close(found.carry, carry)


@for_all_cells
def test_our_cells_inside_flax_s_bidirectional_equal_our_two_unrollings(cell_name):
    layer = nn.Bidirectional(nn.RNN(make(cell_name)), nn.RNN(make(cell_name)))
    inputs = inputs_of(cell_name)
    variables = random_variables(layer, inputs)
    outputs = flax_layer(layer, variables, inputs)
    forward, backward = (
        unrolled(make(cell_name), variables["params"][name]["cell"], inputs, reverse=reverse)
        for name, reverse in (("forward_rnn", False), ("backward_rnn", True))
    )
    both = jnp.concatenate([forward.outputs, backward.outputs], axis=-1)
    assert_close(both[WITHIN], outputs[WITHIN])


@for_all_cells
def test_one_application_is_the_step_of_the_projection(cell_name):
    cell = make(cell_name)
    inputs = inputs_of(cell_name)[:, 0]
    carry = random_like(fresh_carry(cell_name), seed=9)

    @jit
    def both(params, carry):
        applied: Any = cell.apply({"params": params}, carry, inputs)
        return applied, cell.step(params, carry, cell.project(params, inputs))

    applied, stepped = both(random_params(cell, seed=8), carry)
    assert_close(applied, stepped)
    assert applied[1].shape == (*inputs.shape[:-1], cell.output_size)


@for_all_cells
def test_the_projection_of_all_steps_at_once_is_that_of_each(cell_name):
    cell = make(cell_name)
    inputs = inputs_of(cell_name)

    @jit
    def both(params):
        each = [cell.project(params, inputs[:, t]) for t in range(T)]
        return cell.project(params, inputs), jnp.stack(each, axis=1)

    assert_close(*both(random_params(cell, seed=8)))


@for_all_cells
def test_init_params_draws_the_names_shapes_and_values_that_flax_draws(cell_name):
    cell = make(cell_name)

    @jit
    def both(key):
        of_flax = cell.init(key, fresh_carry(cell_name), inputs_of(cell_name)[:, 0])["params"]
        return cell.init_params(key, F), of_flax

    params, of_flax = both(jax.random.key(10))
    assert type(params) is dict
    assert_equal(params, of_flax)
    assert {name: leaf.shape for name, leaf in params.items()} == {
        name: shape for name, (_, shape) in cell.param_specs(F).items()
    }


@for_all_cells
def test_a_fresh_carry_does_not_depend_on_the_inputs_width(cell_name):
    cell = make(cell_name)
    carry = fresh_carry(cell_name)
    wider = (*inputs_shape(cell_name, B)[:-1], F + 1)
    assert_equal(carry, cell.initialize_carry(jax.random.key(1), wider))
    assert all(leaf.shape[0] == B for leaf in jax.tree.leaves(carry))
