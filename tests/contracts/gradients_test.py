"""Derivatives against finite differences in float64, where these are good to nine digits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from seqlab.cells import make_cell
from tests.contracts.cases import CELL_NAMES, B, H, example, full_controls, in_time, jit, unrolled_from

LENGTHS = np.array([2, 0, 1, 2, 1])
RESETS = np.array([[0, 0], [0, 1], [1, 1], [0, 1], [0, 0]], bool)


@pytest.mark.parametrize("cell_name", CELL_NAMES)
def test_gradients_are_those_of_finite_differences(cell_name):
    # The engines agree on gradients with an oracle that differentiates the cell's step; so one engine is enough here.
    with jax.enable_x64(True):
        given = in_time(example(cell_name, param_dtype=jnp.float64), slice(2))
        cell = make_cell(cell_name, H, param_dtype=jnp.float64)
        controls = full_controls((B, 2), LENGTHS, None, RESETS)
        controls["lengths"] = jnp.asarray(LENGTHS)
        run = functools.partial(unrolled_from, cell, reverse=True, return_all_carries=True, **controls)

        @jit
        def weighted_sum(params, inputs, carry):
            unrolled = run(params, inputs, carry)
            return sum(
                jnp.vdot(*leaves) for leaves in zip(*map(jax.tree.leaves, (unrolled, given.weights)), strict=True)
            )

        args = jax.tree.map(jnp.asarray, (given.params, given.inputs, given.carry))
        check_grads(weighted_sum, args, order=1, modes=("rev",), atol=1e-6, rtol=1e-6, eps=1e-5)
