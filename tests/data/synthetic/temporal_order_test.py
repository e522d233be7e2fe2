import math
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.data.synthetic.temporal_order import CLASSES, LETTERS, temporal_order_batch


@given(num_steps=st.integers(10, 60), seed=st.integers(0, 2**16))
@settings(max_examples=30)
def test_the_class_is_what_is_left_of_a_row_without_its_distractors(num_steps, seed):
    batch = temporal_order_batch(np.random.default_rng(seed), 4, num_steps)
    for row, target in zip(batch.inputs, batch.targets, strict=True):
        letters = "".join(LETTERS[letter] for letter in row)
        assert len(letters) == num_steps
        assert re.fullmatch("E[abcdXY]*B", letters)
        assert re.sub("[EabcdB]", "", letters) == CLASSES[target]
        first, second = (match.start() for match in re.finditer("[XY]", letters))
        assert num_steps // 10 <= first < num_steps * 2 // 10
        assert num_steps * 5 // 10 <= second < num_steps * 6 // 10


def test_all_classes_are_as_probable():
    counts = np.bincount(temporal_order_batch(np.random.default_rng(0), 8000, 10).targets, minlength=4)
    np.testing.assert_allclose(counts, 2000, atol=5 * math.sqrt(8000 * 3 / 16))
