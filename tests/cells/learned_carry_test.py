"""The state before the first step and after a reset, as a parameter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import make_cell
from seqlab.core.errors import SeqlabError
from seqlab.engines import unroll
from tests.cells.wrapped import (
    KINDS,
    LENGTHS,
    RESETS,
    B,
    F,
    H,
    T,
    assert_close,
    assert_engines_agree,
    normal,
    params_of,
    unrolled,
)
from tests.contracts.cases import jit

NAMES = {"lstm": {"initial_c", "initial_h"}, "lru": {"initial_real", "initial_imag"}}


def without_it(params):
    return {name: leaf for name, leaf in params.items() if not name.startswith("initial_")}


def learning(cell_name):
    return make_cell(cell_name, H, learned_carry=True)


@pytest.mark.parametrize("cell_name", KINDS)
def test_a_learned_state_has_a_leaf_for_each_of_the_carry_and_begins_as_the_plain_one(cell_name):
    cell, plain = learning(cell_name), make_cell(cell_name, H)
    added = cell.all_specs(F).keys() - plain.all_specs(F).keys()
    names = next((NAMES[kin] for kin in NAMES if cell_name.startswith(kin)), {"initial_carry"})
    assert added == names
    params = params_of(cell)
    carry = plain.initialize_carry(jax.random.key(0), (B, F))
    zeros = {**params, **{name: jnp.zeros_like(params[name]) for name in names}}
    assert_close(cell.fresh_carry(zeros, (B, F)), carry)
    learned = jax.tree.leaves(cell.fresh_carry(params, (B, F)))
    for leaf, name, like in zip(learned, cell.carry_specs(), jax.tree.leaves(carry), strict=True):
        assert_close(leaf, jnp.broadcast_to(params[name], like.shape))


def test_flax_draws_zeros_for_it():
    drawn = jit(lambda key: learning("vanilla").init_params(key, F))(jax.random.key(0))
    assert drawn["initial_carry"].tolist() == [0.0] * H


@pytest.mark.parametrize("reverse", [pytest.param(False, marks=pytest.mark.slow), True])
def test_every_sequence_of_a_row_begins_with_it(reverse):
    cell = learning("gru")
    params, inputs = params_of(cell), normal(4, B, T, F)
    resets = jnp.zeros((B, T), bool).at[:, 2].set(True)
    found = unrolled(cell, params, inputs, reverse, resets=resets)
    alone = [unrolled(cell, params, part, reverse) for part in (inputs[:, :2], inputs[:, 2:])]
    assert_close(found.outputs, jnp.concatenate([part.outputs for part in alone], axis=1))
    assert not np.allclose(
        alone[0].outputs, unrolled(make_cell("gru", H), without_it(params), inputs[:, :2], reverse).outputs
    )


@pytest.mark.slow  # By default a GRU's is tried in zoneout_test, with all else that is wrapped around it.
@pytest.mark.parametrize(
    ("cell_name", "engines"), [("lstm", ["scan", "fused"]), ("min_gru", ["associative"]), ("lru", ["associative"])]
)
def test_engines_agree_on_its_gradient_through_the_first_step_and_through_resets(cell_name, engines):
    cell = learning(cell_name)
    controls = {"lengths": jnp.asarray(LENGTHS), "resets": jnp.asarray(RESETS)}
    *_, by_params, _ = assert_engines_agree(cell, params_of(cell), normal(4, B, T, F), engines, **controls)
    assert all(np.all(by_params[name]) for name in cell.carry_specs())


def test_a_length_of_0_returns_it():
    cell = learning("lstm")
    params = params_of(cell)
    found = unrolled(cell, params, normal(4, B, T, F), lengths=jnp.asarray(LENGTHS))
    np.testing.assert_array_equal(found.carry.c[1], params["initial_c"])


def test_params_without_it_are_refused():
    with pytest.raises(SeqlabError, match=r"'initial_carry' should be \(5,\); got absent"):
        unroll(learning("gru"), params_of(make_cell("gru", H)), normal(4, B, T, F))
    with pytest.raises(SeqlabError, match=r"'initial_carry' should be absent; got \(5,\)"):
        unroll(make_cell("gru", H), params_of(learning("gru")), normal(4, B, T, F))
