"""A convolution as a product over windows, and what holds for every cell over space."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import ConvGRUCell, ConvLSTMCell, LSTMCarry, LSTMCell
from seqlab.cells.convolutional import windows
from seqlab.core.errors import SeqlabError
from seqlab.engines import unroll
from tests.cells import numpy_loop
from tests.cells.convolution import convolve
from tests.cells.numpy_loop import initial, narrow, random_like
from tests.contracts.cases import jit

B, F, H = 2, 2, 3


def random_params(cell):
    shapes = jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F))
    return narrow(random_like(np.random.default_rng(2), shapes))


@pytest.mark.parametrize(
    ("space", "kernel_size"), [((5,), (3,)), ((2,), (4,)), ((3, 4), (2, 3)), ((1, 3), (5, 1)), ((2, 3, 2), (2, 1, 3))]
)
def test_a_product_with_windows_is_a_convolution(space, kernel_size):
    rng = np.random.default_rng(0)
    values, kernel = rng.standard_normal((B, *space, F)), rng.standard_normal((*kernel_size, F, H))
    found = np.asarray(windows(jnp.asarray(values, jnp.float32), kernel_size)) @ kernel.reshape(-1, H)
    np.testing.assert_allclose(found, convolve(values, kernel), atol=1e-5)


def test_axes_before_space_are_a_batch_however_many_there_are():
    values = jnp.asarray(np.random.default_rng(1).standard_normal((2, 3, 4, F)), jnp.float32)
    each = jnp.stack([windows(part, (3,)) for part in values])
    np.testing.assert_array_equal(windows(values, (3,)), each)


def test_a_window_of_one_position_is_the_plain_cell_at_each_position():
    cell, plain = ConvLSTMCell(H, kernel_size=(1, 1)), LSTMCell(H)
    params = random_params(plain)
    inputs = jnp.asarray(np.random.default_rng(3).standard_normal((B, 4, 2, 3, F)), jnp.float32)
    apart = jnp.moveaxis(inputs, 1, 3).reshape(B * 2 * 3, 4, -1)
    expected = jit(functools.partial(unroll, plain))(params, apart)
    found = jit(functools.partial(unroll, cell))(params, inputs)
    np.testing.assert_allclose(found.carry.c.reshape(B * 2 * 3, H), expected.carry.c, atol=1e-6)
    at_each = jnp.moveaxis(found.outputs, 1, 3).reshape(B * 2 * 3, 4, H)
    np.testing.assert_allclose(at_each, expected.outputs, atol=1e-6)


def test_news_travels_half_a_window_a_step_and_no_further():
    cell = ConvGRUCell(H, kernel_size=(3,))
    params = random_params(cell)
    inputs = jnp.asarray(np.random.default_rng(5).standard_normal((1, 3, 9, F)), jnp.float32)
    run = jit(functools.partial(unroll, cell))
    changed = run(params, inputs.at[0, 0, 4].add(1.0)).outputs != run(params, inputs).outputs
    reached = np.flatnonzero(np.any(changed[0, 1], axis=-1)), np.flatnonzero(np.any(changed[0, 2], axis=-1))
    assert [positions.tolist() for positions in reached] == [[2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7]]


def test_first_kernels_are_those_of_a_convolution():
    cell = ConvLSTMCell(H, kernel_size=(3, 2))
    F = numpy_loop.F
    bound = math.sqrt(6 / (6 * F + 6 * H))  # Glorot: each input feeds as many windows as a window has positions.
    drawn = np.abs(initial(cell, "input_kernel"))
    assert drawn.shape == (6 * F, 4 * H)
    assert 0.8 * bound < drawn.max() <= bound
    for block in np.split(np.asarray(initial(cell, "recurrent_kernel")), 4, axis=1):
        np.testing.assert_allclose(block.T @ block, np.eye(H), atol=1e-5)


def test_a_learned_first_state_is_the_same_at_each_position():
    cell = ConvLSTMCell(H, kernel_size=(3,), learned_carry=True)
    specs = {name: shape for name, (_, shape) in cell.carry_specs().items()}
    assert specs == {"initial_c": (H,), "initial_h": (H,)}
    learned = {"initial_c": jnp.arange(3.0), "initial_h": -jnp.arange(3.0)}
    fresh = cell.fresh_carry(learned, (B, 5, F))
    assert isinstance(fresh, LSTMCarry)
    np.testing.assert_array_equal(fresh.c, np.broadcast_to(np.arange(3.0), (B, 5, H)))


@pytest.mark.parametrize("kernel_size", [(), (0,), (3, -1)])
def test_a_window_without_positions_is_an_error(kernel_size):
    with pytest.raises(SeqlabError, match=r"kernel_size must be sizes of at least 1, one an axis; got \("):
        ConvLSTMCell(H, kernel_size=kernel_size)


@pytest.mark.parametrize("shape", [(B, 3, F), (B, 3, 4, 4, 4, F)])
def test_inputs_with_other_axes_of_space_than_the_cell_has_are_an_error(shape):
    with pytest.raises(
        SeqlabError, match=r"inputs must be \[B, T, S, S, F\] \(time-major \[T, B, S, S, F\]\); got shape"
    ):
        unroll(ConvLSTMCell(H, kernel_size=(3, 3)), {}, jnp.ones(shape))


def test_a_first_state_without_space_is_an_error():
    with pytest.raises(SeqlabError, match=r"needs 2 axes of space: .* got input_shape \(2, 2\)"):
        ConvLSTMCell(H, kernel_size=(3, 3)).initialize_carry(jax.random.key(0), (B, F))
