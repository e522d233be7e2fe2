import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import make_cell
from seqlab.cells.variational import with_state_mask
from seqlab.cells.zoneout import ZoneoutCell, zoneout_noise
from seqlab.core.errors import SeqlabError
from seqlab.engines.select import supported_engines
from tests.cells.numpy_loop import one_step, sigmoid
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
    carry_of,
    each_kin,
    normal,
    params_of,
    unrolled,
)
from tests.contracts.cases import jit

KEY = jax.random.key(5)
READ_OTHERWISE = ["lru", "qrnn"]


def zoned(cell_name, rates, key=None, inputs=None, **options):
    """A cell with zoneout, params, and inputs with the noise behind them."""
    cell = make_cell(cell_name, H, **options)
    inputs = normal(4, B, T, F) if inputs is None else inputs
    noise = noise_of(cell, inputs.shape[:-1], rates, key)
    return ZoneoutCell(cell=cell), params_of(cell), np.concatenate([inputs, noise], axis=-1)


def noise_of(cell, shape, rates, key=None):
    return np.asarray(jit(lambda rates: zoneout_noise(cell, shape, rates, key))(rates))


@pytest.mark.parametrize("cell_name", each_kin(sorted(set(KINDS) - set(READ_OTHERWISE))))
def test_rate_0_is_the_cell_itself_and_rate_1_keeps_the_carry(cell_name):
    x = normal(4, B, F)
    for rate in (0.0, 1.0):
        cell, params, inputs = zoned(cell_name, rate, inputs=x)
        before = carry_of(cell)
        found = one_step(cell, params, before, inputs)
        assert_close(found, one_step(cell.cell, params, before, x) if rate == 0 else (before, cell.hidden(before)))


def test_a_unit_keeps_its_value_where_its_own_draw_says_so():
    cell, params, inputs = zoned("lstm", (0.5, 0.25), KEY)
    kernels = {name: np.asarray(leaf) for name, leaf in params.items()}
    z_c, z_h = np.split(inputs[..., F:], 2, axis=-1)
    assert set(np.unique(z_c)) == set(np.unique(z_h)) == {0.0, 1.0}
    c, h = (np.asarray(leaf) for leaf in carry_of(cell))
    outputs = []
    for t in range(T):
        gates = inputs[:, t, :F] @ kernels["input_kernel"] + kernels["bias"] + h @ kernels["recurrent_kernel"]
        i, f, g, o = np.split(gates, 4, axis=-1)
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        c, h = np.where(z_c[:, t], c, new_c), np.where(z_h[:, t], h, new_h)
        outputs.append(h)
    found = unrolled(cell, params, jnp.asarray(inputs), initial_carry=carry_of(cell))
    assert_close(found.outputs, np.stack(outputs, axis=1))
    assert_close(tuple(found.carry), (c, h))


@pytest.mark.parametrize(
    ("cell_name", "engines"),
    [("gru", ["fused"]), pytest.param("lstm_projected", ["scan", "fused"], marks=pytest.mark.slow)],
)
def test_engines_agree_on_all_wrappers_at_once_with_resets_and_padding(cell_name, engines):
    cell, params, inputs = zoned(cell_name, 0.5, KEY, learned_carry=True)
    params = jit(lambda params: with_state_mask(KEY, cell, params, (B, F), 0.5))(params)
    inputs = jnp.asarray(np.where((np.arange(T) < LENGTHS[:, None])[..., None], inputs, np.float32(np.nan)))
    controls = {"lengths": jnp.asarray(LENGTHS), "resets": jnp.asarray(RESETS)}
    *_, by_params, _ = assert_engines_agree(cell, params, inputs, engines, **controls)
    assert all(np.any(leaf) for leaf in by_params.values())


def test_cells_with_a_step_of_their_own_run_in_the_engines_that_take_those():
    cell, params, inputs = zoned("mgu", 0.5, KEY)
    assert "fused" not in supported_engines(cell)
    assert unrolled(cell, params, jnp.asarray(inputs)).outputs.shape == (B, T, H)


def test_draws_have_the_rate_of_each_leaf_and_evaluation_has_the_rates_themselves():
    cell = make_cell("lstm", 64)
    noise = noise_of(cell, (8, 16), (0.5, 0.0625), KEY)
    c, h = np.split(noise, 2, axis=-1)
    # 8192 draws each: five standard deviations.
    assert abs(c.mean() - 0.5) < 0.028
    assert abs(h.mean() - 0.0625) < 0.014
    assert not np.array_equal(c[:, 0], c[:, 1])
    expected = noise_of(cell, (8, 16), (0.5, 0.0625))
    assert np.unique(expected[..., :64]) == 0.5
    assert np.unique(expected[..., 64:]) == 0.0625


def test_rates_may_be_traced():
    cell = make_cell("gru", H)
    of_all = jit(jax.vmap(lambda rate: zoneout_noise(cell, (B,), rate, KEY)))(jnp.array([0.0, 0.4, 1.0]))
    assert not np.any(of_all[0])
    assert np.unique(of_all[1]).tolist() == [0, 1]
    assert np.all(of_all[2])


def test_its_params_are_those_of_the_cell():
    cell = ZoneoutCell(cell=make_cell("lstm", H, learned_carry=True))
    found, expected = cell.all_specs(F + 2 * H), cell.cell.all_specs(F)
    assert {name: shape for name, (_, shape) in found.items()} == {name: shape for name, (_, shape) in expected.items()}


@pytest.mark.parametrize("cell_name", READ_OTHERWISE)
def test_cells_whose_output_is_not_their_state_are_refused(cell_name):
    with pytest.raises(SeqlabError, match="zoneout needs a cell whose output is its hidden state"):
        ZoneoutCell(cell=make_cell(cell_name, H))


def test_a_wrong_number_of_rates_is_refused():
    with pytest.raises(SeqlabError, match=r"one for each of the 1 leaves of its carry; got 2\."):
        zoneout_noise(make_cell("gru", H), (B,), (0.5, 0.5))
