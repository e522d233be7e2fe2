"""Cells by name."""

import pytest

from seqlab.cells import CELLS, Cell, LSTMCell, make_cell
from seqlab.core.errors import SeqlabError


@pytest.mark.parametrize("name", sorted(CELLS))
def test_every_name_makes_a_cell_of_the_width_that_is_asked_for(name):
    cell = make_cell(name, 7)
    assert isinstance(cell, Cell)
    assert cell.features == 7


def test_options_are_the_attributes_of_the_cell():
    assert make_cell("lstm", 4, forget_bias=3.0) == LSTMCell(4, forget_bias=3.0)


def test_a_misspelt_name_is_an_error_that_suggests_the_right_one():
    with pytest.raises(SeqlabError, match=r"unknown cell 'ltsm'; did you mean 'lstm'\? Known: gru, "):
        make_cell("ltsm", 4)


def test_a_width_below_one_is_an_error():
    with pytest.raises(SeqlabError, match="width must be at least 1; got 0"):
        make_cell("gru", 0)
