import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies
from jax.experimental import rnn

from seqlab.convert import from_cudnn, to_cudnn
from seqlab.core.errors import SeqlabError
from seqlab.engines.cudnn import pack_lstm_weights
from tests.contracts.cases import assert_close, jit
from tests.convert.cases import assert_same_bits, dtypes, random_cell, random_stack, run_stack, seeds, widths

B, T, F, H, L = 3, 4, 2, 5, 2


@pytest.mark.parametrize("bidirectional", [False, True])
def test_outputs_are_those_of_the_reference_that_jax_holds_cudnn_to(bidirectional):
    rng = np.random.default_rng(0)
    size = rnn.get_num_params_in_lstm(F, H, L, bidirectional)
    weights = (0.5 * rng.standard_normal(size)).astype(np.float32)
    inputs = rng.standard_normal((B, T, F)).astype(np.float32)
    state = np.zeros((L * (2 if bidirectional else 1), B, H), np.float32)

    @jit
    def reference(weights, inputs):
        pieces = rnn.unpack_lstm_weights(weights, F, H, L, bidirectional)
        lengths = jnp.full(B, T, jnp.int32)
        return rnn.lstm_ref(inputs, state, state, *pieces, lengths, F, H, L, 0.0, bidirectional)[0]

    params = from_cudnn(weights, F, H, num_layers=L, bidirectional=bidirectional)
    assert_close(run_stack(params, inputs, "lstm", H, L, bidirectional), reference(weights, inputs))


@settings(max_examples=15)
@given(widths, widths, strategies.integers(1, 3), strategies.booleans(), seeds, dtypes)
def test_ours_to_theirs_to_ours_is_exact(num_features, width, num_layers, bidirectional, seed, dtype):
    params = random_stack("lstm", num_features, width, num_layers, bidirectional, seed, dtype)
    sizes = {"num_layers": num_layers, "bidirectional": bidirectional}
    assert_same_bits(from_cudnn(to_cudnn(params), num_features, width, **sizes), params)


def test_theirs_to_ours_to_theirs_is_exact_up_to_the_sum_of_biases():
    size = rnn.get_num_params_in_lstm(F, H, 1, False)
    theirs = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    back = to_cudnn(from_cudnn(theirs, F, H))
    assert_same_bits(back[: -8 * H], theirs[: -8 * H])
    np.testing.assert_array_equal(back[-8 * H :].reshape(2, -1).sum(0), theirs[-8 * H :].reshape(2, -1).sum(0))


def test_a_cell_alone_is_what_the_engine_hands_to_cudnn():
    params = random_cell("lstm", F, H, 0)
    expected = pack_lstm_weights(jax.tree.map(jnp.asarray, params))
    np.testing.assert_array_equal(to_cudnn(params), expected)
    np.testing.assert_array_equal(to_cudnn({"layers_0": {"cell": params}}), expected)


@pytest.mark.parametrize(
    ("weights", "sizes", "say"),
    [
        (np.ones(57), (3, 2), "expected 56 numbers in a row for num_features 3, hidden_size 2, num_layers 1, one"),
        (np.ones((7, 8)), (3, 2), "found shape (7, 8)"),
        (np.ones(56, int), (3, 2), "leaf 'weights' should be of floating type; found int64"),
        (np.ones(56), (3, 0), "num_features, hidden_size and num_layers must be at least 1; got 3, 0 and 1"),
    ],
)
def test_a_vector_of_another_length_is_refused(weights, sizes, say):
    with pytest.raises(SeqlabError, match=re.escape(say)):
        from_cudnn(weights, *sizes)


def test_params_of_another_cell_are_refused():
    with pytest.raises(SeqlabError, match="leaf 'input_kernel' should have shape"):
        to_cudnn(random_cell("gru", 2, 3, 0))
