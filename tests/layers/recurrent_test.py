"""The layers are the engines with params of their own; the engines' laws are tested in tests/contracts."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import make_cell
from seqlab.engines import unroll
from seqlab.layers import Bidirectional, Recurrent
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


def apply(layer, params, inputs, **controls):
    return jax.tree.map(np.asarray, program(layer)({"params": params}, inputs, **controls))


def init(layer):
    return jit(layer.init)(KEY, INPUTS)["params"]


def recurrent(cell_name="gru", **options):
    return Recurrent(make_cell(cell_name, H), **options)


@functools.cache
def bidirectional():
    layer: Any = Bidirectional(forward=recurrent("gru"), backward=recurrent("gru", reverse=True))
    return layer, init(layer)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_recurrent_layer_is_unroll_with_the_params_of_its_cell(reverse):
    layer = recurrent(reverse=reverse)
    params = init(layer)
    carry = jax.tree.map(lambda leaf: leaf + 0.5, layer.initialize_carry(KEY, B))
    controls = {"lengths": LENGTHS, "resets": np.arange(B * T).reshape(B, T) == 2, "initial_carry": carry}
    found = apply(layer, params, INPUTS, **controls)
    assert list(params) == ["cell"]
    run = jit(functools.partial(unroll, layer.cell, reverse=reverse))
    assert_same(found, run(params["cell"], INPUTS, **controls))


def test_a_recurrent_layer_begins_from_the_carry_that_it_says():
    layer = recurrent()
    params = init(layer)
    given = apply(layer, params, INPUTS, initial_carry=layer.initialize_carry(KEY, B))
    assert_same(given, apply(layer, params, INPUTS))


def test_the_engine_changes_nothing_but_the_way():
    params = init(recurrent())
    found = [apply(recurrent(engine=engine), params, INPUTS, lengths=LENGTHS) for engine in ("loop", "scan")]
    assert_same(*found)


def test_bidirectional_is_a_forward_and_a_backward_unroll_side_by_side():
    layer, params = bidirectional()
    carries = jax.tree.map(lambda leaf: leaf + 0.25, layer.initialize_carry(KEY, B))
    found = apply(layer, params, INPUTS, lengths=LENGTHS, initial_carry=carries)
    ahead, back = (
        jit(functools.partial(unroll, part.cell, reverse=part.reverse))(
            params[name]["cell"], INPUTS, lengths=LENGTHS, initial_carry=carry
        )
        for name, part, carry in zip(("forward", "backward"), (layer.forward, layer.backward), carries, strict=True)
    )
    assert found.outputs.shape == (B, T, 2 * H)
    assert_same(found.outputs, np.concatenate([ahead.outputs, back.outputs], axis=-1))
    assert_same(found.carry, (ahead.carry, back.carry))
    assert not np.allclose(ahead.outputs, back.outputs)


def test_each_direction_has_params_of_its_own():
    _, params = bidirectional()
    assert set(params) == {"forward", "backward"}
    kernels = [params[name]["cell"]["input_kernel"] for name in ("forward", "backward")]
    assert not np.allclose(*kernels)


def test_padding_changes_nothing_in_either_direction():
    layer, params = bidirectional()
    found = apply(layer, params, INPUTS, lengths=LENGTHS)
    wider = np.pad(INPUTS, ((0, 0), (0, 3), (0, 0)), constant_values=np.nan)
    padded = apply(layer, params, wider, lengths=LENGTHS)
    assert_same(padded.outputs[:, :T], found.outputs)
    assert not np.any(padded.outputs[:, T:])
    assert_same(padded.carry, found.carry)
    alone = apply(layer, params, INPUTS[2:, :2])
    assert_same(found.outputs[2:, :2], alone.outputs)
    assert not np.any(found.outputs[2:, 2:])


def test_an_output_of_a_bidirectional_layer_sees_the_whole_sequence_and_no_padding():
    layer, params = bidirectional()

    def at_step_1(inputs):
        return layer.apply({"params": params}, inputs, lengths=jnp.array([3, 2, 4])).outputs[:, 1].sum()

    reached = np.abs(jit(jax.grad(at_step_1))(INPUTS)).max(axis=-1) > 0
    assert reached.tolist() == [[True] * 3 + [False], [True] * 2 + [False] * 2, [True] * 4]


@pytest.mark.parametrize("directions", [(False, False), (True, True), (True, False)])
def test_directions_that_belie_their_names_are_refused(directions):
    ahead, back = (recurrent(reverse=reverse) for reverse in directions)
    with pytest.raises(ValueError, match=r"forward\.reverse False"):
        Bidirectional(forward=ahead, backward=back)
