"""Each check of what is handed to ``unroll`` fires, and names the argument, what was expected and what was found."""

import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import GRUCell, LSTMCarry, LSTMCell
from seqlab.core.errors import SeqlabError
from seqlab.engines import ENGINES, FlaxCell, unroll, validate

B, T, F, H = 2, 3, 4, 5
CELL = LSTMCell(H)
PARAMS = {
    "input_kernel": jnp.ones((F, 4 * H)),
    "recurrent_kernel": jnp.ones((H, 4 * H)),
    "bias": jnp.ones(4 * H),
}
INPUTS = jnp.ones((B, T, F))
ZEROS = jnp.zeros((B, H))


def error_of(check, *args, **options) -> str:
    with pytest.raises(SeqlabError) as caught:
        check(*args, **options)
    return str(caught.value)


def test_inputs_need_a_batch_axis_a_time_axis_and_a_feature_axis():
    message = error_of(unroll, CELL, PARAMS, jnp.ones((T, F)))
    assert message.startswith("inputs must be [B, T, F]")
    assert "got shape (3, 4)" in message
    assert "inputs[None]" in message


def test_inputs_with_axes_of_space_are_not_for_cells_without():
    message = error_of(unroll, CELL, PARAMS, jnp.ones((B, T, 2, F)))
    assert message.startswith("inputs must be [B, T, F]")
    assert "got shape (2, 3, 2, 4). Fold further axes" in message


def test_inputs_must_be_floating():
    # The annotation of ``unroll`` catches this too where annotations are run, as they are in these tests.
    message = error_of(validate.check_inputs, np.ones((B, T, F), np.int32))
    assert message.startswith("inputs must be floating; got int32")
    assert "Embed" in message


@pytest.mark.parametrize("shape", [(0, T, F), (B, 0, F)])
def test_inputs_must_have_a_sequence_and_a_step(shape):
    message = error_of(unroll, CELL, PARAMS, jnp.ones(shape))
    assert message == f"inputs must have at least one sequence and one step; got shape {shape}."


@pytest.mark.parametrize(
    ("lengths", "found"),
    [
        (np.array([1, 2, 3], np.int32), "int32 (3,)"),
        (np.array([[1], [2]], np.int32), "int32 (2, 1)"),
        (np.array([1, 2], np.float32), "float32 (2,)"),
        (np.array([True, False]), "bool (2,)"),
    ],
)
def test_lengths_must_be_one_integer_for_each_sequence(lengths, found):
    message = error_of(validate.check_lengths, lengths, B, T)
    assert message == f"lengths must be integers [B] = [2]; got {found}."


@pytest.mark.parametrize(("lengths", "found"), [([0, 4], "got 4 in row 1"), ([-1, 9], "got -1 in row 0")])
def test_lengths_must_lie_between_zero_and_the_number_of_steps(lengths, found):
    message = error_of(unroll, CELL, PARAMS, INPUTS, lengths=jnp.array(lengths))
    assert message == f"lengths must lie in [0, 3]; {found}. Truncate it or pad further."


def test_shapes_are_checked_under_jit_and_values_cannot_be():
    run = jax.jit(lambda lengths: unroll(CELL, PARAMS, INPUTS, lengths=lengths).outputs)
    assert "lengths must be integers [B] = [2]; got int32 (3,)" in error_of(run, jnp.array([1, 2, 3]))
    assert run(jnp.array([0, 4])).shape == (B, T, H)


@pytest.mark.parametrize("name", ["mask", "resets"])
def test_mask_and_resets_must_be_booleans_laid_out_as_the_inputs_are(name):
    wrong = {name: jnp.ones((T, B), bool)}
    message = error_of(unroll, CELL, PARAMS, INPUTS, **wrong)
    assert message == f"{name} must be booleans [B, T] = [2, 3]; got bool (3, 2)."
    message = error_of(unroll, CELL, PARAMS, INPUTS, **wrong, time_major=True)
    assert message == f"{name} must be booleans [T, B] = [2, 3]; got bool (3, 2)."
    integers = np.ones((B, T), np.int32)
    assert error_of(validate.check_steps, name, integers, (B, T), "[B, T]").endswith("got int32 (2, 3).")


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        (PARAMS | {"bias": jnp.ones(4)}, "'bias' should be (20,); got (4,)"),
        (PARAMS | {"input_kernel": jnp.ones((F + 1, 4 * H))}, "'input_kernel' should be (4, 20); got (5, 20)"),
        (PARAMS | {"recurrent_bias": ZEROS}, "'recurrent_bias' should be absent; got (2, 5)"),
        ({"bias": PARAMS["bias"]}, "'input_kernel' should be (4, 20); got absent"),
        ({"params": PARAMS}, "'bias' should be (20,); got absent"),
    ],
)
def test_params_must_be_those_of_this_cell_for_inputs_of_this_width(params, problem):
    message = error_of(unroll, CELL, params, INPUTS)
    assert message.startswith(f"params of LSTMCell(5) with inputs of width 4: {problem}.")


def test_params_of_flax_cells_are_left_to_flax():
    validate.check_params(FlaxCell(nn.GRUCell(H)), {}, F)


@pytest.mark.parametrize("carry", [ZEROS, (ZEROS,), (ZEROS, ZEROS, ZEROS), {"c": ZEROS, "h": ZEROS}, [ZEROS, ZEROS]])
def test_an_initial_carry_must_have_the_structure_of_the_cell_s_own(carry):
    message = error_of(unroll, CELL, PARAMS, INPUTS, initial_carry=carry)
    assert message.startswith("initial_carry of LSTMCell must have the structure PyTreeDef(")
    assert f"got {jax.tree.structure(carry)}" in message
    assert "initialize_carry" in message


def test_a_plain_tuple_of_memory_and_state_is_an_lstm_s_carry():
    memory, hidden = jnp.full((B, H), 0.5), jnp.full((B, H), -0.5)
    plain = unroll(CELL, PARAMS, INPUTS, initial_carry=(memory, hidden))
    named = unroll(CELL, PARAMS, INPUTS, initial_carry=LSTMCarry(c=memory, h=hidden))
    np.testing.assert_array_equal(plain.outputs, named.outputs)
    assert isinstance(plain.carry, LSTMCarry)


@pytest.mark.parametrize(
    ("leaf", "found"),
    [(jnp.zeros((1, H)), "float32 (1, 5)"), (jnp.zeros((B, H), jnp.bfloat16), "bfloat16 (2, 5)")],
)
def test_each_leaf_of_an_initial_carry_must_have_the_shape_and_type_of_the_cell_s_own(leaf, found):
    message = error_of(unroll, CELL, PARAMS, INPUTS, initial_carry=LSTMCarry(c=ZEROS, h=leaf))
    assert message == f"initial_carry of LSTMCell, leaf 'h', must be float32 (2, 5); got {found}."


def test_the_carry_of_a_flax_cell_is_checked_too():
    message = error_of(unroll, nn.GRUCell(H), {}, INPUTS, initial_carry=jnp.zeros((1, H)))
    assert message.startswith("initial_carry of GRUCell, leaf ''")


def test_an_unknown_engine_is_an_error_that_lists_the_known_ones():
    message = error_of(unroll, CELL, PARAMS, INPUTS, engine="scam")
    assert message.startswith("unknown engine 'scam'; did you mean 'scan'? Known: ")
    assert set(re.findall(r"\w+", message.split("Known:")[1])) == {*ENGINES, "auto"}


def test_what_fits_passes_every_check():
    validate.check_inputs(INPUTS)
    validate.check_lengths(jnp.array([0, T]), B, T)
    validate.check_steps("mask", jnp.ones((B, T), bool), (B, T), "[B, T]")
    validate.check_params(CELL, PARAMS, F)
    validate.check_carry(GRUCell(H), ZEROS, ZEROS)
