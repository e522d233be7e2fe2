import pytest

from seqlab.core.errors import SeqlabError
from seqlab.sweeps.memory import free_bytes, population_size, program_bytes
from tests.sweeps.population_test import CONFIG, RATES


@pytest.mark.slow
def test_as_many_members_as_fit_are_taken():
    one, two = (program_bytes(RATES[:size], CONFIG) for size in (1, 2))
    assert 0 < one < two
    assert population_size(RATES, CONFIG, available_bytes=one) == 1
    assert population_size(RATES, CONFIG, available_bytes=two) == 2
    assert population_size(RATES, CONFIG, available_bytes=10 * two) == len(RATES)
    with pytest.raises(SeqlabError, match="--batch_size"):
        population_size(RATES, CONFIG, available_bytes=one - 1)


def test_there_is_free_memory_and_less_than_a_terabyte_of_it():
    assert 2**20 < free_bytes() < 2**40
