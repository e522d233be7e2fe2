import re

import flax.linen as nn
import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies

from seqlab.cells import make_cell
from seqlab.convert import from_flax, to_flax
from seqlab.core.errors import SeqlabError
from seqlab.engines import unroll
from tests.contracts.cases import assert_close, jit, random_like
from tests.convert.cases import assert_same_bits, dtypes, random_cell, seeds, widths

B, T, F, H = 3, 4, 2, 5
PAIRS = [
    ("vanilla", nn.SimpleCell(H)),
    ("vanilla_relu", nn.SimpleCell(H, activation_fn=jax.nn.relu)),
    ("gru", nn.GRUCell(H)),
    ("gru", nn.MGUCell(H)),
    ("lstm", nn.LSTMCell(H)),
    ("lstm", nn.OptimizedLSTMCell(H)),
]


def name_of(value):
    return value if isinstance(value, str) else type(value).__name__


cell_names = strategies.sampled_from(["vanilla", "vanilla_relu", "irnn", "gru", "lstm"])


def random_flax_params(cell):
    """Random in every leaf, as Flax's biases begin at zero."""
    shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), cell.initialize_carry(jax.random.key(0), (B, F)), X))
    return random_like(shapes, seed=1, scale=0.5)["params"]


X = random_like(jax.ShapeDtypeStruct((B, F), np.float32), seed=0)
INPUTS = random_like(jax.ShapeDtypeStruct((B, T, F), np.float32), seed=2)


@pytest.mark.parametrize(("name", "flax_cell"), PAIRS, ids=name_of)
def test_outputs_and_last_states_are_those_of_flax(name, flax_cell):
    params = random_flax_params(flax_cell)
    layer = nn.RNN(flax_cell, return_carry=True)
    expected = jit(lambda params: layer.apply({"params": {"cell": params}}, INPUTS))(params)
    ours = make_cell(name, H)
    found = jit(lambda params, inputs: unroll(ours, params, inputs))(from_flax(params, name), INPUTS)
    assert_close(found.outputs, expected[1])
    assert_close(tuple(jax.tree.leaves(found.carry)), tuple(jax.tree.leaves(expected[0])))


@pytest.mark.parametrize(
    ("name", "flax_cell"),
    [pair for pair in PAIRS if not isinstance(pair[1], nn.MGUCell)],
    ids=name_of,
)
def test_theirs_to_ours_to_theirs_is_exact(name, flax_cell):
    params = random_flax_params(flax_cell)
    assert_same_bits(to_flax(from_flax(params, name), name), params)


@settings(max_examples=15)
@given(cell_names, widths, widths, seeds, dtypes)
def test_ours_to_theirs_to_ours_is_exact(cell, num_features, width, seed, dtype):
    params = random_cell(cell, num_features, width, seed, dtype)
    assert_same_bits(from_flax(to_flax(params, cell), cell), params)


GRU = to_flax(random_cell("gru", 2, 3, 0), "gru")


@pytest.mark.parametrize(
    ("params", "cell", "say"),
    [
        (GRU, "mgu", "unknown cell with an equal in Flax 'mgu'"),
        (GRU, "lstm", "Flax's params of a lstm: expected a leaf 'ii/kernel'; found "),
        ({"cell": GRU}, "gru", "leaf 'ir' should be an array; found a dict with kernel, bias"),
        ({**GRU, "extra": {"kernel": np.ones(2)}}, "gru", "unknown leaf of Flax's params of a gru 'extra/kernel'"),
        ({**GRU, "ir": {"kernel": GRU["ir"]["kernel"]}}, "gru", "expected a leaf 'ir/bias' of shape (3,)"),
        ({**GRU, "iz": {**GRU["iz"], "bias": np.ones(4)}}, "gru", "leaf 'iz/bias' should have shape (3,); found (4,)"),
        ({**GRU, "in": np.ones(3)}, "gru", "expected a dict of arrays for each gate"),
    ],
)
def test_params_that_do_not_fit_are_refused_by_the_leaf(params, cell, say):
    with pytest.raises(SeqlabError, match=re.escape(say)):
        from_flax(params, cell)


def test_a_minimal_gated_unit_of_the_paper_is_not_that_of_flax():
    with pytest.raises(SeqlabError, match="unknown cell with an equal in Flax 'mgu'"):
        to_flax(random_cell("mgu", 2, 3, 0), "mgu")
