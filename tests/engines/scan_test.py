"""Several steps a turn of the loop."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from seqlab import unroll
from seqlab.cells import VanillaCell
from tests.contracts.cases import jit

SHAPES = {"input_kernel": (3, 4), "recurrent_kernel": (4, 4), "bias": (4,)}
RNG = np.random.default_rng(0)


def test_several_steps_a_turn_are_the_same_whether_or_not_they_divide_the_time():
    cell = VanillaCell(4)
    params = {name: RNG.standard_normal(shape, np.float32) for name, shape in SHAPES.items()}
    inputs = RNG.standard_normal((2, 7, 3), np.float32)
    one, several = (
        jit(partial(unroll, cell, engine=engine))(params, jnp.asarray(inputs)) for engine in ("scan", "scan:3")
    )
    for found, expected in zip(jax.tree.leaves(several), jax.tree.leaves(one), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
