"""What tells the two GRUs apart, and which gate is z."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import GRUCell, ResetBeforeGRUCell

F, H = 3, 4
both_forms = pytest.mark.parametrize("cell_class", [GRUCell, ResetBeforeGRUCell])


@both_forms
def test_an_open_update_gate_keeps_the_old_state(cell_class):
    cell = cell_class(H)
    params = cell.init_params(jax.random.key(0), F)
    old = jnp.full((2, H), 0.3)
    projected = jnp.concatenate([jnp.zeros((2, H)), jnp.full((2, H), 50.0), jnp.ones((2, H))], axis=-1)
    new, output = cell.step(params, old, projected)
    np.testing.assert_allclose(new, old, rtol=1e-6)
    np.testing.assert_array_equal(output, new)


@both_forms
def test_a_closed_reset_gate_hides_the_old_state_from_the_candidate(cell_class):
    cell = cell_class(H)
    params = cell.init_params(jax.random.key(0), F)
    projected = jnp.concatenate([jnp.full((2, 2 * H), -50.0), jnp.full((2, H), 0.4)], axis=-1)
    for old in (jnp.zeros((2, H)), jnp.full((2, H), 0.3)):
        np.testing.assert_allclose(cell.step(params, old, projected)[0], np.tanh(0.4), rtol=1e-6)


def test_the_forms_agree_while_the_reset_gate_is_open_and_differ_when_it_is_half_open():
    after, before = GRUCell(H), ResetBeforeGRUCell(H)
    params = after.init_params(jax.random.key(1), F)
    shared = {name: leaf for name, leaf in params.items() if name != "recurrent_bias"}
    old = jax.random.normal(jax.random.key(2), (2, H))

    def difference(reset):
        projected = jnp.concatenate([jnp.full((2, H), reset), jnp.full((2, 2 * H), -1.0)], axis=-1)
        return np.abs(after.step(params, old, projected)[0] - before.step(shared, old, projected)[0]).max()

    assert difference(50.0) < 1e-6
    assert difference(0.0) > 1e-3


def test_the_bias_inside_the_reset_belongs_to_the_form_with_the_reset_after_the_product():
    assert "recurrent_bias" in GRUCell(H).param_specs(F)
    assert set(ResetBeforeGRUCell(H).param_specs(F)) == {"input_kernel", "recurrent_kernel", "bias"}
