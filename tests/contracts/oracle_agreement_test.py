"""The first law: whatever is padded, masked, packed or reversed, every engine gives what each sequence alone gives.

Outputs, last carry, all carries, and the derivatives by params, inputs and first carry, for random lengths, masks with
holes and resets. Shapes are fixed, so that each cell, engine and direction compiles once.
"""

import hypothesis.extra.numpy as hnp
import pytest
from hypothesis import example as case
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.cases import B, T, assert_close, compiled, example, for_the_first_law, has_the_loop_s_gradients
from tests.contracts.oracle import expected

FULL = [T] * B
ALL = [[1] * T] * B
NONE = [[0] * T] * B
HOLES = [[1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]]
PACKED = [[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
@for_the_first_law
@settings(max_examples=15)
@case(lengths=FULL, mask=ALL, resets=NONE)
@case(lengths=[4, 0, 1, 3, 2], mask=ALL, resets=NONE)
@case(lengths=FULL, mask=HOLES, resets=NONE)
@case(lengths=FULL, mask=ALL, resets=PACKED)
@case(lengths=[4, 3, 2, 4, 0], mask=HOLES, resets=PACKED)
@given(
    lengths=st.lists(st.integers(0, T), min_size=B, max_size=B),
    mask=hnp.arrays(bool, (B, T)),
    resets=hnp.arrays(bool, (B, T)),
)
def test_every_engine_gives_what_each_sequence_gives_alone(cell_name, engine, reverse, lengths, mask, resets):
    given = example(cell_name)
    controls = {"lengths": lengths, "mask": mask, "resets": resets}
    found, found_gradients = compiled(cell_name, engine, reverse)(given, **controls)
    unrolled, gradients = expected(cell_name, given, **controls, reverse=reverse)
    assert_close(found, unrolled)
    if has_the_loop_s_gradients(engine):
        assert_close(found_gradients, gradients)
