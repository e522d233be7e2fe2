import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import make_cell
from seqlab.layers import Bidirectional, Recurrent, Stacked
from seqlab.layers.stacked import SKIP_CONNECTIONS
from tests.contracts.cases import jit

B, T, F, H = 3, 4, 2, 3
LENGTHS = np.array([4, 0, 2], np.int32)

INPUTS = np.asarray(jax.random.normal(jax.random.key(1), (B, T, F)))
KEY = jax.random.key(2)


def assert_same(found, expected):
    """Equal trees; the same products of a different program differ by an ulp or two."""
    jax.tree.map(lambda f, e: np.testing.assert_allclose(f, e, rtol=1e-6, atol=1e-6), found, expected)


@functools.cache
def program(layer):
    return jit(layer.apply)


def apply(stacked, params, inputs, **options):
    return jax.tree.map(np.asarray, program(stacked)({"params": params}, inputs, **options))


def recurrent(cell_name, features=H, **options):
    return Recurrent(make_cell(cell_name, features), **options)


@functools.cache
def stack(kind="gru", depth=2, **options):
    def layer():
        if kind == "both ways":
            return Bidirectional(forward=recurrent("vanilla"), backward=recurrent("vanilla", reverse=True))
        return recurrent(kind)

    stacked = Stacked(tuple(layer() for _ in range(depth)), **options)
    return stacked, jit(stacked.init)(KEY, INPUTS)["params"]


def by_hand(stacked, params, inputs, carries, **controls):
    """The layers one after the other, each with its own part of the params."""
    after, of_all, outputs = [], [], inputs
    for number, (layer, carry) in enumerate(zip(stacked.layers, carries, strict=True)):
        below = outputs
        layer_params = {"params": params[f"layers_{number}"]}
        dense = stacked.skip_connections == "dense"
        seen = jnp.concatenate([below, inputs], axis=-1) if dense and number else below
        outputs, carry, _ = layer.apply(layer_params, seen, initial_carry=carry, **controls)
        if stacked.skip_connections == "residual" and below.shape[-1] == outputs.shape[-1]:
            outputs = outputs + below
        after.append(carry)
        of_all.append(outputs)
    return jnp.concatenate(of_all, axis=-1) if stacked.skip_connections == "dense" else outputs, tuple(after)


@pytest.mark.parametrize("skip", SKIP_CONNECTIONS)
@pytest.mark.parametrize("kind", ["gru", "both ways"])
def test_a_stack_is_its_layers_one_after_the_other(kind, skip):
    stacked, params = stack(kind, skip_connections=skip)
    carries = jax.tree.map(lambda leaf: leaf + 0.5, stacked.initialize_carry(KEY, B))
    found = apply(stacked, params, INPUTS, initial_carry=carries, lengths=LENGTHS)
    assert_same(found[:2], jit(functools.partial(by_hand, stacked))(params, INPUTS, carries, lengths=LENGTHS))
    assert set(params) == {"layers_0", "layers_1"}


def test_residual_connections_pass_where_widths_are_equal_and_only_there():
    plain, params = stack("gru")
    stacked, _ = stack("gru", skip_connections="residual")
    outputs = [apply(model, params, INPUTS).outputs for model in (plain, stacked)]
    assert not np.allclose(*outputs)
    # With all params zero a GRU's outputs are zero, so that residuals show what goes around the layers: nothing of
    # the inputs where the widths are F and H, and all of it where they are H and H.
    zeros = jax.tree.map(np.zeros_like, params)
    assert not np.any(apply(stacked, zeros, INPUTS).outputs)
    wide = np.random.default_rng(0).standard_normal((B, T, H)).astype(np.float32)
    shapes = jax.eval_shape(stacked.init, KEY, wide)["params"]
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    np.testing.assert_array_equal(apply(stacked, zeros, wide).outputs, wide)


@pytest.mark.parametrize("width", [F, H])
@pytest.mark.parametrize("skip", ["residual", "dense"])
def test_padding_stays_zero_whatever_goes_around_a_layer(skip, width):
    stacked = stack("gru", skip_connections=skip)[0]
    real = np.resize(INPUTS, (B, T, width))
    params = jit(stacked.init)(KEY, real)["params"]
    inputs = np.where(np.arange(T)[:, None] < LENGTHS[:, None, None], real, np.nan)
    outputs = apply(stacked, params, inputs, lengths=LENGTHS).outputs
    assert not np.any(outputs[1])
    assert not np.any(outputs[2, 2:])
    assert_same(outputs, apply(stacked, params, real, lengths=LENGTHS).outputs)


@pytest.mark.parametrize("skip", SKIP_CONNECTIONS)
def test_two_windows_with_the_carry_are_one_long_one(skip):
    stacked, params = stack("gru", skip_connections=skip)
    whole = apply(stacked, params, INPUTS)
    first = apply(stacked, params, INPUTS[:, :3])
    second = apply(stacked, params, INPUTS[:, 3:], initial_carry=first.carry)
    assert_same(np.concatenate([first.outputs, second.outputs], axis=1), whole.outputs)
    assert_same(second.carry, whole.carry)


def test_dropout_acts_between_layers_and_on_no_recurrence():
    stacked, params = stack("gru")
    plain = apply(stacked, params, INPUTS)
    dropped = apply(stacked, params, INPUTS, dropout_rate=0.5, rngs={"dropout": KEY})
    # The lowest layer neither loses inputs nor state, and what the highest gives is not dropped.
    assert_same(dropped.carry[0], plain.carry[0])
    assert not np.allclose(dropped.carry[1], plain.carry[1])
    assert np.all(dropped.outputs)
    # Each layer by itself: with one layer there is no between.
    single, single_params = stack("gru", depth=1)
    dropped = apply(single, single_params, INPUTS, dropout_rate=0.5, rngs={"dropout": KEY})
    assert_same(dropped, apply(single, single_params, INPUTS))


def identity_params(num_layers, features):
    """For vanilla_relu cells over inputs that are not negative: what comes out is what dropout left."""
    cell = {
        "input_kernel": np.eye(features, dtype=np.float32),
        "recurrent_kernel": np.zeros((features, features), np.float32),
        "bias": np.zeros(features, np.float32),
    }
    return {f"layers_{number}": {"cell": cell} for number in range(num_layers)}


def test_the_upper_layer_sees_each_element_dropped_or_scaled_with_a_mask_for_every_step():
    features = 32
    stacked = Stacked(tuple(recurrent("vanilla_relu", features) for _ in range(2)))
    inputs = np.random.default_rng(0).uniform(1, 2, (B, T, features)).astype(np.float32)
    params = identity_params(2, features)
    outputs = apply(stacked, params, inputs, dropout_rate=0.25, rngs={"dropout": KEY}).outputs
    kept = np.asarray(outputs != 0)
    np.testing.assert_allclose(outputs, np.where(kept, inputs / 0.75, 0), rtol=1e-6)
    # 384 draws: five standard deviations are 0.11.
    assert abs(kept.mean() - 0.75) < 0.11
    assert not np.array_equal(kept[:, 0], kept[:, 1])
    assert not np.array_equal(kept[0], kept[1])


def test_masks_of_different_layers_differ():
    features = 32
    stacked = Stacked(tuple(recurrent("vanilla_relu", features) for _ in range(3)))
    inputs = np.ones((B, T, features), np.float32)
    params = identity_params(3, features)
    outputs = apply(stacked, params, inputs, dropout_rate=0.5, rngs={"dropout": KEY}).outputs
    # One mask used twice would keep half; two of them keep a quarter. 384 draws: five standard deviations are 0.11.
    assert abs(float((outputs != 0).mean()) - 0.25) < 0.11


def test_a_wrong_number_of_carries_is_refused():
    stacked, params = stack("gru")
    with pytest.raises(ValueError, match="shorter"):
        apply(stacked, params, INPUTS, initial_carry=stacked.initialize_carry(KEY, B)[:1])
