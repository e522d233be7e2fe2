"""Errors that a user can mend."""

import pytest

from seqlab.core.errors import DataError, RunFolderError, SeqlabError, unknown_name


def test_all_errors_of_use_are_one_kind():
    assert issubclass(DataError, SeqlabError)
    assert issubclass(RunFolderError, SeqlabError)
    assert issubclass(SeqlabError, ValueError)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scn", "unknown engine 'scn'; did you mean 'scan'? Known: loop, scan."),
        ("xyz", "unknown engine 'xyz'. Known: loop, scan."),
    ],
)
def test_an_unknown_name_lists_the_known_ones_and_suggests_a_near_one(name, message):
    assert str(unknown_name("engine", name, ["scan", "loop"])) == message
