"""What every cell has from its base class."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from seqlab.cells import Cell, GRUCell


def test_a_cell_must_say_what_its_params_are():
    with pytest.raises(NotImplementedError):
        Cell(4).init_params(jax.random.key(0), 3)


def test_params_and_state_have_the_type_that_is_asked_for():
    with jax.enable_x64(True):
        cell = GRUCell(4, param_dtype=jnp.float64)
        params = cell.init_params(jax.random.key(0), 3)
        assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.float64)}
        assert cell.initialize_carry(jax.random.key(0), (2, 3)).dtype == jnp.float64


def test_a_cell_inside_a_flax_module_keeps_its_params_under_its_name():
    class Model(nn.Module):
        @nn.compact
        def __call__(self, x):
            return GRUCell(4, name="reader")(jnp.zeros((2, 4)), x)[1]

    variables = Model().init(jax.random.key(0), jnp.ones((2, 3)))
    assert set(variables["params"]) == {"reader"}
    assert set(variables["params"]["reader"]) == set(GRUCell(4).param_specs(3))


def test_a_cell_that_is_part_of_a_model_can_still_draw_params_of_its_own():
    class Model(nn.Module):
        cell: GRUCell

        def __call__(self):
            return self.cell.init_params(jax.random.key(0), 3)

    drawn = Model(GRUCell(4)).apply({})
    assert isinstance(drawn, dict)
    assert set(drawn) == set(GRUCell(4).param_specs(3))
