"""The one place that chooses an engine."""

import pytest

from seqlab.core.errors import SeqlabError
from seqlab.engines import ENGINES
from seqlab.engines.select import resolve_engine


def test_auto_is_one_of_the_engines():
    assert resolve_engine("auto") in ENGINES.values()


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_a_name_is_its_engine(name):
    assert resolve_engine(name) is ENGINES[name]


def test_auto_is_not_an_engine_s_own_name_and_other_names_are_errors():
    assert "auto" not in ENGINES
    with pytest.raises(SeqlabError, match="unknown engine 'fast'"):
        resolve_engine("fast")
