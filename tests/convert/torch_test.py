import re

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies

from seqlab.cells import make_cell
from seqlab.convert import from_torch, to_torch
from seqlab.core.errors import SeqlabError
from tests.contracts.cases import assert_close, jit
from tests.convert.cases import (
    assert_same_bits,
    below,
    dtypes,
    golden,
    random_cell,
    random_stack,
    run_stack,
    seeds,
    widths,
)

LAYERS = {
    "rnn_tanh": "vanilla",
    "rnn_relu": "vanilla_relu",
    "gru": "gru",
    "lstm": "lstm",
    "lstm_projected": "lstm_projected",
}
CELLS = {"rnn_cell": "vanilla", "gru_cell": "gru", "lstm_cell": "lstm"}
WIDTH = 4
cell_names = strategies.sampled_from(sorted({*LAYERS.values(), "irnn"}))


@pytest.mark.parametrize(("layer", "cell"), LAYERS.items())
def test_outputs_of_two_layers_in_both_directions_are_those_of_pytorch(layer, cell):
    arrays = golden("torch_stacks.npz", layer)
    state_dict = below(arrays, "state_dict")
    assert all(np.abs(array).max() > 0.1 for array in state_dict.values())
    found = run_stack(from_torch(state_dict, cell), arrays["inputs"], cell, WIDTH, num_layers=2, bidirectional=True)
    assert_close(found, arrays["outputs"])


@pytest.mark.parametrize(("module", "cell"), CELLS.items())
def test_a_step_of_a_cell_is_that_of_pytorch(module, cell):
    arrays = golden("torch_stacks.npz", module)
    params = from_torch(below(arrays, "state_dict"), cell)
    ours = make_cell(cell, WIDTH)

    @jit
    def step(params, inputs):
        return ours.step(params, ours.fresh_carry(params, inputs.shape), ours.project(params, inputs))[1]

    assert_close(step(params, arrays["inputs"]), arrays["outputs"])


@settings(max_examples=15)
@given(cell_names, widths, widths, strategies.integers(1, 3), strategies.booleans(), seeds, dtypes)
def test_ours_to_theirs_to_ours_is_exact(cell, num_features, width, num_layers, bidirectional, seed, dtype):
    params = random_stack(cell, num_features, width, num_layers, bidirectional, seed, dtype)
    assert_same_bits(from_torch(to_torch(params, cell), cell), params)


@settings(max_examples=15)
@given(cell_names, widths, widths, seeds, dtypes)
def test_a_cell_of_ours_to_theirs_to_ours_is_exact(cell, num_features, width, seed, dtype):
    params = random_cell(cell, num_features, width, seed, dtype)
    exported = to_torch(params, cell)
    assert not any("_l0" in name for name in exported)
    assert_same_bits(from_torch(exported, cell), params)


@pytest.mark.parametrize("module", [*LAYERS, *CELLS])
def test_theirs_to_ours_to_theirs_is_exact_up_to_the_sum_of_biases(module):
    theirs = below(golden("torch_stacks.npz", module), "state_dict")
    cell = {**LAYERS, **CELLS}[module]
    back = to_torch(from_torch(theirs, cell), cell)
    assert back.keys() == theirs.keys()
    assert_same_bits(
        {name: array for name, array in back.items() if name.startswith("weight")},
        {name: array for name, array in theirs.items() if name.startswith("weight")},
    )
    for name in [name for name in theirs if name.startswith("bias_ih")]:
        other = name.replace("_ih", "_hh")
        np.testing.assert_array_equal(back[name] + back[other], theirs[name] + theirs[other])
        if cell == "gru":
            candidate = slice(2 * WIDTH, None)
            np.testing.assert_array_equal(back[name][candidate], theirs[name][candidate])
            np.testing.assert_array_equal(back[other][candidate], theirs[other][candidate])
        else:
            assert not back[other].any()


def test_a_layer_is_found_below_its_prefix_in_a_larger_module():
    params = random_stack("gru", 2, 3, 1, False, seed=0)
    state_dict = {**to_torch(params, "gru", prefix="rnn."), "head.weight": np.ones((1, 3)), "steps": np.array(3)}
    assert_same_bits(from_torch(state_dict, "gru", prefix="rnn."), params)
    with pytest.raises(SeqlabError, match=r"found rnn.weight_ih_l0, .* Try prefix='rnn\.'"):
        from_torch(state_dict, "gru")


def test_a_layer_without_biases_has_biases_of_zero():
    params = random_stack("gru", 2, 3, 1, False, seed=0)
    state_dict = {name: array for name, array in to_torch(params, "gru").items() if name.startswith("weight")}
    found = from_torch(state_dict, "gru")["layers_0"]["cell"]
    assert found.keys() == params["layers_0"]["cell"].keys()
    assert not found["bias"].any()
    assert not found["recurrent_bias"].any()


def test_what_comes_out_shares_no_memory_with_what_went_in():
    theirs = {"weight_ih": np.ones((2, 3)), "weight_hh": np.ones((2, 2)), "bias_ih": np.ones(2), "bias_hh": np.ones(2)}
    ours = from_torch(theirs, "vanilla")
    back = to_torch(ours, "vanilla")
    for array in theirs.values():
        array += 1
    assert ours["input_kernel"].max() == 1
    for array in ours.values():
        array += 1
    assert back["weight_ih"].max() == 1
    assert all(array.flags.c_contiguous and array.flags.writeable for array in back.values())


def test_params_of_jax_are_taken_and_keep_their_type():
    params = {name: jnp.asarray(array) for name, array in random_cell("lstm", 2, 3, 0, jnp.bfloat16).items()}
    exported = to_torch(params, "lstm")
    assert {array.dtype for array in exported.values()} == {jnp.dtype(jnp.bfloat16)}


# Bad input -------------------------------------------------------------------------------------------------------

GRU = to_torch(random_stack("gru", 2, 3, 2, True, seed=0), "gru")


def without(name):
    return {leaf: array for leaf, array in GRU.items() if leaf != name}


class Unreadable:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy.")


@pytest.mark.parametrize(
    ("state_dict", "cell", "say"),
    [
        (GRU, "mgu", "unknown cell with an equal in PyTorch 'mgu'; did you mean 'gru'? Known: gru, irnn, lstm,"),
        ({}, "gru", "expected weight_ih_l0 (of a layer) or weight_ih (of a cell) in the state dict; found nothing"),
        (GRU, "lstm", "leaf 'weight_ih_l0' should have shape (12, 2); found (9, 2)"),
        (without("weight_hh_l0"), "gru", "expected a leaf 'weight_hh_l0'; found weight_ih_l0, "),
        (without("bias_hh_l1"), "gru", "expected a leaf 'bias_hh_l1' of shape (9,); found "),
        (without("weight_ih_l1_reverse"), "gru", "expected a leaf 'weight_ih_l1_reverse' of shape (9, 6)"),
        ({**GRU, "weight_ih_l1": np.ones((9, 3))}, "gru", "leaf 'weight_ih_l1' should have shape (9, 6); found (9, 3)"),
        ({**GRU, "weight_hh_l0": np.ones(3)}, "gru", "leaf 'weight_hh_l0' should have 2 axes of at least 1 each"),
        ({**GRU, "weight_hh_l0": np.ones((0, 0))}, "gru", "of at least 1 each; found shape (0, 0)"),
        ({**GRU, "weight_hr_l0": np.ones((3, 3))}, "gru", "unknown leaf of the state dict of a gru 'weight_hr_l0'"),
        ({**GRU, "head.weight": np.ones(3)}, "gru", "unknown leaf of the state dict of a gru 'head.weight'"),
        ({**GRU, "bias_ih_l0": np.ones(9, int)}, "gru", "leaf 'bias_ih_l0' should be of floating type; found int64"),
        ({**GRU, "bias_ih_l0": None}, "gru", "leaf 'bias_ih_l0' should be of floating type; found object"),
        ({**GRU, "bias_ih_l0": Unreadable()}, "gru", "'bias_ih_l0' cannot be read as a numpy array (Unreadable: can't"),
        ({"weight_ih_l999999999": np.ones((9, 2))}, "gru", "expected a leaf 'weight_ih_l0'"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused_by_the_leaf(state_dict, cell, say):
    with pytest.raises(SeqlabError, match=re.escape(say)):
        from_torch(state_dict, cell)


CELL = random_cell("gru", 2, 3, 0)


@pytest.mark.parametrize(
    ("params", "cell", "say"),
    [
        (CELL, "lru", "unknown cell with an equal in PyTorch 'lru'"),
        (CELL, "lstm", "a lstm: leaf 'input_kernel' should have shape (2, 12); found (2, 9)"),
        ({}, "gru", "the stack: expected layers_0; found nothing"),
        ({"cell": CELL}, "gru", "the stack: expected layers_0; found cell"),
        ({"layers_0": CELL}, "gru", "layers_0: expected cell; found input_kernel"),
        ({"layers_0": {"forward": {"cell": CELL}}}, "gru", "layers_0: expected forward, backward; found forward"),
        ({"layers_0": {"cell": {**CELL, "initial_carry": np.ones(3)}}}, "gru", "leaf of layers_0/cell 'initial_carry'"),
        (
            {"layers_0": {"cell": CELL}, "layers_1": {"cell": CELL}},
            "gru",
            "leaf 'weight_ih_l1' should have shape (9, 3); found (9, 2)",
        ),
    ],
)
def test_params_that_do_not_fit_are_refused_by_the_leaf(params, cell, say):
    with pytest.raises(SeqlabError, match=re.escape(say)):
        to_torch(params, cell)
