import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import make_cell
from seqlab.cells.variational import drop_features, variational_mask, with_state_mask
from seqlab.core.errors import SeqlabError
from seqlab.engines import unroll
from tests.cells.wrapped import (
    KINDS,
    NONLINEAR,
    B,
    F,
    H,
    T,
    assert_close,
    carry_of,
    each_kin,
    normal,
    params_of,
    unrolled,
)
from tests.contracts.cases import jit

KEY = jax.random.key(3)
ORDER = ["input_kernel", "recurrent_kernel", "bias", "state_mask"]


def masked(cell, params, rate=0.5):
    return jit(lambda params: with_state_mask(KEY, cell, params, (B, F), rate))(params)


def test_an_element_is_dropped_with_the_rate_and_the_others_keep_the_expectation():
    mask = np.asarray(jit(variational_mask, static_argnums=1)(KEY, (100, 100), 0.25))
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(mask.mean() - 1) < 5 * np.sqrt(0.25 / 0.75) / 100  # Five standard deviations.


def test_the_rate_may_be_traced():
    rates = jnp.array([0.0, 0.3, 0.9])
    none, some, most = np.asarray(jit(jax.vmap(lambda rate: variational_mask(KEY, (64, 64), rate)))(rates))
    assert (none == 1).all()
    # 4096 draws each: five standard deviations.
    assert abs((some == 0).mean() - 0.3) < 0.036
    assert abs((most == 0).mean() - 0.9) < 0.024
    np.testing.assert_allclose(most[most != 0], 10, rtol=1e-5)


def test_dropped_features_are_the_same_at_every_step_and_others_in_another_sequence():
    dropped = np.asarray(jit(drop_features)(KEY, np.ones((B, T, 64), np.float32), 0.5))
    assert (dropped == dropped[:, :1]).all()
    assert not np.array_equal(dropped[0], dropped[1])


@pytest.mark.parametrize("cell_name", each_kin(NONLINEAR))
def test_a_state_mask_that_all_sequences_share_is_a_mask_on_the_rows_of_the_recurrent_kernel(cell_name):
    cell = make_cell(cell_name, H)
    params, carry = params_of(cell), carry_of(cell)
    projected = jit(cell.project)(params, normal(7, B, F))
    shape = cell.hidden(carry).shape
    mask = normal(8, *shape[1:])
    given = {**params, "state_mask": np.broadcast_to(mask, shape)}
    expected = {**params, "recurrent_kernel": params["recurrent_kernel"] * mask[:, None]}
    step = jit(cell.step)
    assert_close(step(given, carry, projected), step(expected, carry, projected))


def test_a_sequence_keeps_its_mask_at_every_step():
    cell = make_cell("vanilla", H)
    params = masked(cell, params_of(cell))
    x, W, U, b, mask = map(np.asarray, (normal(4, B, T, F), *(params[name] for name in ORDER)))
    h, outputs = np.zeros((B, H)), []
    for t in range(T):
        h = np.tanh(x[:, t] @ W + b + (h * mask) @ U)
        outputs.append(h)
    assert_close(unrolled(cell, params, normal(4, B, T, F)).outputs, np.stack(outputs, axis=1))


@pytest.mark.slow
def test_two_windows_under_one_mask_are_one_piece():
    cell = make_cell("gru", H)
    params, inputs = masked(cell, params_of(cell)), normal(4, B, T, F)
    whole = unrolled(cell, params, inputs)
    first = unrolled(cell, params, inputs[:, :2])
    second = unrolled(cell, params, inputs[:, 2:], initial_carry=first.carry)
    assert_close(jnp.concatenate([first.outputs, second.outputs], axis=1), whole.outputs)


def test_at_rate_0_the_mask_is_ones():
    cell = make_cell("lstm", H)
    assert (masked(cell, params_of(cell), 0.0)["state_mask"] == 1).all()


def test_a_mask_of_a_wrong_shape_is_named():
    cell = make_cell("lstm", H)
    params = {**params_of(cell), "state_mask": jnp.ones(H)}
    with pytest.raises(SeqlabError, match=r"state_mask of LSTMCell must be float32 \(3, 5\), .* got float32 \(5,\)\."):
        unroll(cell, params, normal(4, B, T, F))


@pytest.mark.parametrize("cell_name", sorted(set(KINDS) - set(NONLINEAR)))
def test_linear_recurrences_have_no_product_to_drop_from(cell_name):
    cell = make_cell(cell_name, H)
    with pytest.raises(SeqlabError, match="no recurrent product"):
        unroll(cell, masked(cell, params_of(cell)), normal(4, B, T, F))
