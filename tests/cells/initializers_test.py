"""Each gate's block is drawn by itself: with its own fan-out, orthogonal to itself, and from a key of its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import CELLS, LinearCell, make_cell
from seqlab.cells.initializers import gate_constants, glorot, orthogonal, per_gate

F, H = 6, 16
CELL_NAMES = sorted(CELLS)
# Linear recurrences have no recurrent kernel, and biases that are tested beside them.
DENSE = [name for name in CELL_NAMES if not isinstance(make_cell(name, 1), LinearCell)]


def blocks(kernel):
    """Cuts [rows, G] into the gates' blocks [rows, H]."""
    return np.split(np.asarray(kernel), kernel.shape[-1] // H, axis=-1)


@pytest.mark.parametrize("cell_name", DENSE)
def test_the_recurrent_block_of_each_gate_is_orthogonal(cell_name):
    params = make_cell(cell_name, H).init_params(jax.random.key(1), F)
    for block in blocks(params["recurrent_kernel"]):
        rows = len(block)  # Fewer than H behind a projection: then the rows are orthogonal to each other.
        np.testing.assert_allclose(block @ block.T, np.eye(rows), atol=1e-5)


@pytest.mark.parametrize("cell_name", [name for name in CELL_NAMES if name != "lru"])  # Normal, as in its paper.
def test_the_input_block_of_each_gate_is_uniform_within_glorot_s_bounds(cell_name):
    params = make_cell(cell_name, H).init_params(jax.random.key(2), F)
    bound = np.sqrt(6 / (len(params["input_kernel"]) + H))
    for block in blocks(params["input_kernel"]):
        assert np.abs(block).max() <= bound
        # 64 uniform draws or more: the largest lies above 0.9 of the bound but for one case in 800.
        assert np.abs(block).max() > 0.9 * bound


@pytest.mark.parametrize("cell_name", DENSE)
def test_gates_do_not_share_their_draws(cell_name):
    params = make_cell(cell_name, H).init_params(jax.random.key(3), F)
    for name in ("input_kernel", "recurrent_kernel"):
        drawn = blocks(params[name])
        assert len({block.tobytes() for block in drawn}) == len(drawn)


@pytest.mark.parametrize("cell_name", DENSE)
def test_all_biases_but_the_forget_gate_s_start_at_zero(cell_name):
    params = make_cell(cell_name, H).init_params(jax.random.key(4), F)
    expected = np.zeros_like(params["bias"])
    if cell_name.startswith("lstm"):
        forget_gate = slice(0, H) if cell_name == "lstm_coupled" else slice(H, 2 * H)
        expected[forget_gate] = 1
    np.testing.assert_array_equal(params["bias"], expected)
    np.testing.assert_array_equal(params.get("recurrent_bias", 0.0), 0.0)


@pytest.mark.parametrize("initializer", [glorot(2), orthogonal(2), gate_constants(0.0, 1.0)])
def test_an_initializer_draws_the_type_that_it_is_asked_for(initializer):
    with jax.enable_x64(True):
        assert initializer(jax.random.key(5), (4, 8), jnp.float64).dtype == jnp.float64


def test_per_gate_is_its_initializer_once_for_each_gate():
    initializer = jax.nn.initializers.normal()
    keys = jax.random.split(jax.random.key(6), 2)
    drawn = per_gate(initializer, 2)(jax.random.key(6), (3, 8), jnp.float32)
    np.testing.assert_array_equal(drawn, jnp.concatenate([initializer(key, (3, 4)) for key in keys], axis=-1))


def test_gate_constants_fill_one_block_each():
    np.testing.assert_array_equal(gate_constants(0.0, 2.0)(jax.random.key(0), (6,)), [0, 0, 0, 2, 2, 2])
