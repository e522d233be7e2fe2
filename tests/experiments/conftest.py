from typing import NamedTuple

import pytest

from tests.compilation_cache import compilation_cache_folder
from tests.experiments.launching import TINY, Launched, launch, write_text

__all__ = ["compilation_cache_folder"]


class Trained(NamedTuple):
    """A run that is complete: its folder, its arguments without --run_dir, and how its launch ended."""

    folder: object
    arguments: list[str]
    launched: Launched


@pytest.fixture(scope="package")
def trained(tmp_path_factory, compilation_cache_folder):
    folder = tmp_path_factory.mktemp("trained")
    arguments = [f"--dataset=text:{write_text(folder / 'text.txt')}", *TINY]
    launched = launch("run", *arguments, f"--run_dir={folder / 'run'}")
    assert launched.status == 0, launched.err
    return Trained(folder / "run", arguments, launched)
