"""Derivatives against finite differences in float64, where central ones are good to nine digits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from tests.contracts.cases import (
    B,
    example,
    for_all_cells,
    full_controls,
    in_time,
    jit,
    make,
    random_like,
    unrolled_from,
)

LENGTHS = np.array([2, 0, 1, 2, 1])
RESETS = np.array([[0, 0], [0, 1], [1, 1], [0, 1], [0, 0]], bool)
STEP = 1e-5


@for_all_cells
def test_gradients_are_those_of_finite_differences(cell_name):
    # The engines agree on gradients with an oracle that differentiates the cell's step; so one engine is enough here.
    with jax.enable_x64(True):
        given = in_time(example(cell_name, param_dtype=jnp.float64), slice(2))
        cell = make(cell_name, param_dtype=jnp.float64)
        controls = full_controls((B, 2), LENGTHS, None, RESETS)
        controls["lengths"] = jnp.asarray(LENGTHS)
        run = functools.partial(unrolled_from, cell, reverse=True, return_all_carries=True, **controls)

        @jit
        @jax.value_and_grad
        def weighted_sum(given_to_cell):
            pairs = zip(jax.tree.leaves(run(*given_to_cell)), jax.tree.leaves(given.weights), strict=True)
            return sum(jnp.vdot(returned, weight) for returned, weight in pairs)

        point = (given.params, given.inputs, given.carry)
        _, gradient = weighted_sum(point)
        for seed in range(5):
            direction = random_like(point, seed)
            ahead, _ = weighted_sum(jax.tree.map(lambda x, d: x + STEP * d, point, direction))
            behind, _ = weighted_sum(jax.tree.map(lambda x, d: x - STEP * d, point, direction))
            slope = sum(map(np.vdot, jax.tree.leaves(gradient), jax.tree.leaves(direction)))
            np.testing.assert_allclose((ahead - behind) / (2 * STEP), slope, rtol=1e-6)
