import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from seqlab.convert import from_keras, to_keras
from seqlab.core.errors import SeqlabError
from tests.contracts.cases import assert_close
from tests.convert.cases import assert_same_bits, dtypes, golden, random_cell, run_stack, seeds, widths

LAYERS = {
    "simple_rnn": "vanilla",
    "simple_rnn_relu": "vanilla_relu",
    "lstm": "lstm",
    "lstm_without_bias": "lstm",
    "gru": "gru",
    "gru_reset_before": "gru_reset_before",
}
H = 4
cell_names = strategies.sampled_from(sorted({*LAYERS.values(), "irnn"}))


def layer_weights(layer):
    arrays = golden("keras_recurrent.npz", layer)
    return [arrays[name] for name in sorted(arrays) if name.startswith("weights/")]


@pytest.mark.parametrize(("layer", "cell"), LAYERS.items())
def test_outputs_are_those_of_keras(layer, cell):
    arrays, weights = golden("keras_recurrent.npz", layer), layer_weights(layer)
    assert all(np.abs(array).max() > 0.1 for array in weights)
    params = {"layers_0": {"cell": from_keras(weights, cell)}}
    assert_close(run_stack(params, arrays["inputs"], cell, H), arrays["outputs"])


@pytest.mark.parametrize(("layer", "cell"), LAYERS.items())
def test_theirs_to_ours_to_theirs_is_exact_up_to_the_sum_of_a_grus_biases(layer, cell):
    theirs = layer_weights(layer)
    back = to_keras(from_keras(theirs, cell), cell)
    if layer == "gru":
        np.testing.assert_array_equal(back[2].sum(0), theirs[2].sum(0))
        np.testing.assert_array_equal(back[2][:, 2 * H :], theirs[2][:, 2 * H :])
        theirs, back = theirs[:2], back[:2]
    if layer == "lstm_without_bias":
        assert not back.pop().any()
    assert_same_bits(back, theirs)


@settings(max_examples=15)
@given(cell_names, widths, widths, seeds, dtypes)
def test_ours_to_theirs_to_ours_is_exact(cell, num_features, width, seed, dtype):
    params = random_cell(cell, num_features, width, seed, dtype)
    assert_same_bits(from_keras(to_keras(params, cell), cell), params)


GRU = to_keras(random_cell("gru", 2, 3, 0), "gru")


@pytest.mark.parametrize(
    ("weights", "cell", "say"),
    [
        (GRU, "lru", "unknown cell with an equal in Keras 'lru'"),
        ([], "gru", "expected kernel, recurrent_kernel and bias; found 0 arrays"),
        ([*GRU, *GRU], "gru", "found 6 arrays. Those of a Bidirectional layer are"),
        (GRU, "lstm", "leaf 'kernel' should have shape (2, 12); found (2, 9)"),
        (GRU, "gru_reset_before", "leaf 'bias' should have shape (9,); found (2, 9)"),
        ([GRU[0], GRU[1], GRU[2][0]], "gru", "leaf 'bias' should have shape (2, 9); found (9,)"),
        ([GRU[0][0], GRU[1], GRU[2]], "gru", "leaf 'kernel' should have 2 axes of at least 1 each; found shape (9,)"),
        ([GRU[0], GRU[1], GRU[2] > 0], "gru", "leaf 'bias' should be of floating type; found bool"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_the_leaf(weights, cell, say):
    with pytest.raises(SeqlabError, match=re.escape(say)):
        from_keras(weights, cell)
