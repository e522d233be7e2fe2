"""Both ways: any Flax cell runs in our engines, and our cells run inside Flax's own layers."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import make_cell
from seqlab.engines import FlaxCell, unroll
from seqlab.engines.select import supported_engines
from tests.contracts.cases import CELL_NAMES, B, F, H, T, assert_close, assert_equal, random_like

FLAX_CELLS = {"gru": nn.GRUCell(H), "lstm": nn.LSTMCell(H), "simple": nn.SimpleCell(H)}
# Flax's layers have no answer for length 0, so there is none here.
LENGTHS = jnp.array([4, 1, 3, 2, 4])
WITHIN = np.arange(T) < np.asarray(LENGTHS)[:, None]
INPUTS = jnp.asarray(np.random.default_rng(5).standard_normal((B, T, F)), jnp.float32)


def random_variables(module):
    """Params of a Flax module with no zeros in them."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), INPUTS))
    return jax.tree.map(jnp.asarray, random_like(shapes, seed=6, scale=0.5))


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize(
    ("name", "engine"),
    [(name, engine) for name in FLAX_CELLS for engine in supported_engines(FlaxCell(FLAX_CELLS[name]))],
)
def test_a_flax_cell_in_our_engines_equals_flax_s_own_layer(name, engine, reverse):
    layer = nn.RNN(FLAX_CELLS[name], return_carry=True, reverse=reverse, keep_order=True)
    variables = random_variables(layer)
    params = variables["params"]["cell"]
    result: Any = layer.apply(variables, INPUTS, seq_lengths=LENGTHS)
    carry, outputs = result
    found = unroll(FLAX_CELLS[name], params, INPUTS, lengths=LENGTHS, reverse=reverse, engine=engine)
    assert_close(found.outputs[WITHIN], outputs[WITHIN])
    assert_close(found.carry, carry)


@pytest.mark.parametrize("name", FLAX_CELLS)
def test_a_wrapped_flax_cell_makes_the_params_that_flax_makes(name):
    cell = FlaxCell(FLAX_CELLS[name])
    key = jax.random.key(7)
    expected = cell.module.init(key, cell.initialize_carry(key, (1, F)), jnp.zeros((1, F)))["params"]
    assert_equal(cell.init_params(key, F), expected)


@pytest.mark.parametrize("cell_name", CELL_NAMES)
def test_our_cell_inside_flax_s_layer_equals_our_unrolling(cell_name):
    cell = make_cell(cell_name, H)
    layer = nn.RNN(cell, return_carry=True)
    variables = random_variables(layer)
    result: Any = layer.apply(variables, INPUTS, seq_lengths=LENGTHS)
    carry, outputs = result
    found = unroll(cell, variables["params"]["cell"], INPUTS, lengths=LENGTHS)
    assert_close(found.outputs[WITHIN], outputs[WITHIN])
    assert_close(found.carry, carry)


@pytest.mark.parametrize("cell_name", CELL_NAMES)
def test_our_cells_inside_flax_s_bidirectional_equal_our_two_unrollings(cell_name):
    layer = nn.Bidirectional(nn.RNN(make_cell(cell_name, H)), nn.RNN(make_cell(cell_name, H)))
    variables = random_variables(layer)
    outputs: Any = layer.apply(variables, INPUTS, seq_lengths=LENGTHS)
    forward, backward = (
        unroll(make_cell(cell_name, H), variables["params"][name]["cell"], INPUTS, lengths=LENGTHS, reverse=reverse)
        for name, reverse in (("forward_rnn", False), ("backward_rnn", True))
    )
    both = jnp.concatenate([forward.outputs, backward.outputs], axis=-1)
    assert_close(both[WITHIN], outputs[WITHIN])


@pytest.mark.parametrize("cell_name", CELL_NAMES)
def test_one_application_is_the_step_of_the_projection(cell_name):
    cell = make_cell(cell_name, H)
    params = cell.init_params(jax.random.key(8), F)
    carry = cell.initialize_carry(jax.random.key(0), (B, F))
    carry = jax.tree.map(jnp.asarray, random_like(carry, seed=9))
    applied: Any = cell.apply({"params": params}, carry, INPUTS[:, 0])
    assert_close(applied, cell.step(params, carry, cell.project(params, INPUTS[:, 0])))
    assert applied[1].shape == (B, getattr(cell, "output_size", H))


@pytest.mark.parametrize("cell_name", CELL_NAMES)
def test_the_projection_of_all_steps_at_once_is_that_of_each(cell_name):
    cell = make_cell(cell_name, H)
    params = cell.init_params(jax.random.key(8), F)
    each = [cell.project(params, INPUTS[:, t]) for t in range(T)]
    assert_close(cell.project(params, INPUTS), jnp.stack(each, axis=1))


@pytest.mark.parametrize("cell_name", CELL_NAMES)
def test_init_params_draws_the_names_shapes_and_values_that_flax_draws(cell_name):
    cell = make_cell(cell_name, H)
    key = jax.random.key(10)
    params = cell.init_params(key, F)
    assert type(params) is dict
    assert_equal(params, cell.init(key, cell.initialize_carry(key, (B, F)), INPUTS[:, 0])["params"])
    assert {name: leaf.shape for name, leaf in params.items()} == {
        name: shape for name, (_, shape) in cell.param_specs(F).items()
    }


@pytest.mark.parametrize("cell_name", CELL_NAMES)
def test_a_fresh_carry_does_not_depend_on_the_inputs_width(cell_name):
    cell = make_cell(cell_name, H)
    carry = cell.initialize_carry(jax.random.key(0), (B, F))
    assert_equal(carry, cell.initialize_carry(jax.random.key(1), (B, F + 1)))
    assert all(leaf.shape[0] == B for leaf in jax.tree.leaves(carry))
