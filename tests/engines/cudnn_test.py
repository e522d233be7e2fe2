"""All of the cuDNN engine but cuDNN: JAX's reference LSTM stands in its place, and the laws that are claimed hold."""

import functools
import inspect
from typing import Any

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax.experimental import rnn

from seqlab import unroll
from seqlab.cells import GRUCell, LSTMCell, PeepholeLSTMCell
from seqlab.core.errors import SeqlabError
from seqlab.engines.base import Unrolled
from seqlab.engines.cudnn import lstm_of_cudnn, pack_lstm_weights, supports, unpack_lstm_weights, unroll_cudnn
from tests.contracts.cases import assert_close, assert_equal, jit, random_like, unrolled_from

B, T, F, H = 5, 4, 3, 6
CELL = LSTMCell(H)
PARAMS = random_like(jax.eval_shape(lambda: CELL.init_params(jax.random.key(0), F)), seed=1, scale=0.5)
INPUTS = random_like(jax.ShapeDtypeStruct((B, T, F), jnp.float32), seed=2)
CARRY = random_like(jax.eval_shape(lambda: CELL.initialize_carry(jax.random.key(0), (B, F))), seed=3)
OUTPUTS: Any = jax.ShapeDtypeStruct((B, T, H), jnp.float32)
WEIGHTS = random_like(Unrolled(OUTPUTS, CARRY), seed=4)


def reference(x: Any, h_0: Any, c_0: Any, weights: Any, lengths: Any) -> Any:
    """What cuDNN computes, by JAX's own account of it; it reads a row of length 0 wrongly, as cuDNN fails on one."""
    unpacked = rnn.unpack_lstm_weights(weights, F, H, 1, False)
    return rnn.lstm_ref(x, h_0, c_0, *unpacked, lengths, F, H, 1, 0.0, False)


ENGINE = functools.partial(unroll_cudnn, lstm=reference)


@functools.cache
def program(engine: Any, reverse: bool) -> Any:
    """(inputs, lengths, weights of the results) -> results, and gradients by params, inputs and first carry."""

    @jit
    def run(inputs: Any, lengths: Any, weights: Any) -> Any:
        call = functools.partial(unrolled_from, CELL, lengths=lengths, reverse=reverse, engine=engine)
        found, pull_back = jax.vjp(call, PARAMS, inputs, CARRY)
        return found, pull_back(weights)

    return lambda inputs, lengths, weights=WEIGHTS: run(inputs, jnp.asarray(lengths, jnp.int32), weights)


for_both_directions = pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])


@for_both_directions
@settings(max_examples=15)
@example([T] * B)
@example([0] * B)
@given(st.lists(st.integers(0, T), min_size=B, max_size=B))
def test_outputs_carry_and_gradients_are_those_of_scan(reverse, lengths):
    assert_close(program(ENGINE, reverse)(INPUTS, lengths), program("scan", reverse)(INPUTS, lengths))


@for_both_directions
def test_nothing_in_the_padding_reaches_any_result_or_gradient(reverse):
    lengths = np.array([4, 0, 1, 3, 2])
    poisoned = np.where((np.arange(T) < lengths[:, None])[..., None], INPUTS, np.nan)
    run = program(ENGINE, reverse)
    assert_equal(run(poisoned, lengths), run(INPUTS, lengths))


def test_length_zero_returns_the_initial_carry_and_passes_its_gradient_on():
    found, (by_params, by_inputs, by_carry) = program(ENGINE, False)(INPUTS, [0] * B)
    assert_equal(found.carry, CARRY)
    assert_equal(by_carry, WEIGHTS.carry)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves((found.outputs, by_params, by_inputs)))


def test_without_lengths_every_step_is_taken():
    run = jit(functools.partial(unrolled_from, CELL, engine=ENGINE))
    assert_close(run(PARAMS, INPUTS, CARRY), program("scan", False)(INPUTS, [T] * B)[0])


def test_cudnn_never_sees_a_row_without_steps_and_gets_what_it_takes():
    seen = {}

    def spy(x: Any, h_0: Any, c_0: Any, weights: Any, lengths: Any) -> Any:
        seen.update(x=x, h_0=h_0, c_0=c_0, weights=weights, lengths=lengths)
        return reference(x, h_0, c_0, weights, lengths)

    engine = functools.partial(unroll_cudnn, lstm=spy)
    unroll(CELL, PARAMS, jnp.asarray(INPUTS), lengths=jnp.array([4, 0, 1, 0, 2]), engine=engine)
    assert seen["lengths"].tolist() == [4, 1, 1, 1, 2]
    assert seen["lengths"].dtype == jnp.int32
    assert seen["x"].shape == (B, T, F)
    assert seen["h_0"].shape == seen["c_0"].shape == (1, B, H)
    assert seen["weights"].shape == (rnn.get_num_params_in_lstm(F, H, 1, False),)


def test_the_call_gives_every_argument_its_place(monkeypatch):
    signature, given = inspect.signature(rnn.lstm), {}

    def spy(*arguments: Any) -> Any:
        given.update(signature.bind(*arguments).arguments)
        return arguments[:3]

    monkeypatch.setattr(rnn, "lstm", spy)
    lstm_of_cudnn(*(jnp.zeros(shape) for shape in [(B, T, F), (1, B, H), (1, B, H), (9,), (B,)]))
    sizes = {name: given[name] for name in ("input_size", "hidden_size", "num_layers", "dropout", "bidirectional")}
    assert sizes == {"input_size": F, "hidden_size": H, "num_layers": 1, "dropout": 0.0, "bidirectional": False}
    assert given["precision"] is None  # jax_default_matmul_precision then decides.


# Weights ---------------------------------------------------------------------------------------------------------


def test_packed_weights_are_unpacked_by_jax_into_ours_transposed():
    W_ih, W_hh, b_ih, b_hh = rnn.unpack_lstm_weights(pack_lstm_weights(PARAMS), F, H, 1, False)
    np.testing.assert_array_equal(W_ih[0], PARAMS["input_kernel"].T)
    np.testing.assert_array_equal(W_hh[0], PARAMS["recurrent_kernel"].T)
    np.testing.assert_array_equal(b_ih[0] + b_hh[0], PARAMS["bias"])


def test_unpacking_is_the_inverse_of_packing():
    assert_equal(unpack_lstm_weights(pack_lstm_weights(PARAMS), F, H), PARAMS)


@settings(max_examples=10)
@given(hnp.arrays(np.float32, 4 * H * (F + H + 2), elements=st.floats(-2, 2, width=16)))
def test_packing_what_was_unpacked_gives_the_same_up_to_how_the_bias_is_shared(weights):
    params = unpack_lstm_weights(jnp.asarray(weights), F, H)
    again = np.asarray(pack_lstm_weights(params))
    np.testing.assert_array_equal(again[: -8 * H], weights[: -8 * H])
    np.testing.assert_array_equal(again[-8 * H :].reshape(2, -1).sum(0), weights[-8 * H :].reshape(2, -1).sum(0))


# What it cannot do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "say"),
    [
        ({"resets": jnp.zeros((B, T), bool)}, "got resets"),
        ({"mask": jnp.ones((B, T), bool)}, "got a mask"),
        ({"mask": jnp.ones((B, T), bool), "lengths": jnp.full(B, T)}, "got a mask"),
        ({"return_all_carries": True}, "got return_all_carries"),
        ({"params": {**PARAMS, "state_mask": jnp.ones((B, H))}}, "got a state_mask"),
    ],
)
def test_what_cudnn_does_not_know_is_refused_by_name(argument, say):
    argument = {"params": PARAMS, **argument}
    with pytest.raises(SeqlabError, match=f"'cudnn' knows lengths alone; {say}.* Take engine='fused'"):
        unroll(CELL, argument.pop("params"), jnp.asarray(INPUTS), engine=ENGINE, **argument)


def test_many_models_at_once_are_refused_plainly_and_inside_jit_and_grad():
    def loss(params: Any) -> Any:
        return unroll(CELL, params, jnp.asarray(INPUTS), engine=ENGINE).outputs.sum()

    models = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), PARAMS)
    for run in (jax.vmap(loss), jax.jit(jax.vmap(jax.grad(loss))), jax.vmap(jax.jit(loss))):
        with pytest.raises(SeqlabError, match="one model at a time"):
            run(models)


@pytest.mark.parametrize(
    "cell", [GRUCell(H), PeepholeLSTMCell(H), LSTMCell(H, dtype=jnp.bfloat16), LSTMCell(H, param_dtype=jnp.float16)]
)
def test_other_cells_and_types_are_not_supported(cell):
    assert supports(CELL)
    assert not supports(cell)
