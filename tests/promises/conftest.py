import tempfile
from pathlib import Path

import pytest

from tests.experiments.launching import TINY, write_text
from tests.promises.forking import Forking

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="package")
def quick_folder():
    """A folder in memory, where there is one: a disk that is flushed at every checkpoint is what takes the time."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="seqlab_promises_") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="package")
def forking(quick_folder):
    with Forking(quick_folder / "programs") as started:
        yield started


@pytest.fixture(scope="package")
def tiny(quick_folder):
    """The arguments of a tiny run, without --run_dir."""
    return [f"--dataset=text:{write_text(quick_folder / 'text.txt')}", *TINY]
