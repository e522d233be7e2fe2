import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.data.synthetic import copy_memory
from seqlab.data.synthetic.copy_memory import chance_loss, copy_memory_batch


@given(num_blanks=st.integers(1, 30), seed=st.integers(0, 2**16))
@settings(max_examples=30)
def test_symbols_stand_at_the_beginning_the_delimiter_10_steps_before_the_end_and_the_symbols_are_said_last(
    num_blanks, seed
):
    batch = copy_memory_batch(np.random.default_rng(seed), 3, num_blanks)
    for read, said in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        symbols = read[:10]
        assert set(symbols) <= set(range(1, 9))
        assert read == [*symbols, *[0] * (num_blanks - 1), 9, *[0] * 10]
        assert said == [*[0] * (num_blanks + 10), *symbols]


@pytest.mark.parametrize("num_blanks", [1, 50, 1000])
def test_the_chance_loss_is_that_of_sure_blanks_and_a_guess_among_all_symbols(num_blanks):
    targets = copy_memory_batch(np.random.default_rng(0), 2, num_blanks).targets
    probability = np.where(np.arange(num_blanks + 20) < num_blanks + 10, targets == 0, 1 / 8)
    assert -np.log(probability).mean() == pytest.approx(chance_loss(num_blanks))


def test_all_symbols_are_as_probable():
    symbols = copy_memory_batch(np.random.default_rng(0), 2000, 1).inputs[:, :10]
    counts = np.bincount(symbols.ravel(), minlength=copy_memory.NUM_IDS)
    assert counts[[copy_memory.BLANK, copy_memory.DELIMITER]].tolist() == [0, 0]
    deviation = math.sqrt(20_000 * 1 / 8 * 7 / 8)
    np.testing.assert_allclose(counts[1:9], 2500, atol=5 * deviation)
