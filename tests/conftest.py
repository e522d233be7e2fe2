"""Settings that every test shares: the CPU, strict types, and random cases that are the same in every run."""

from pathlib import Path

import hypothesis
import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# The cases are drawn from a seed of their own, so that a failure here is a failure everywhere. A first call compiles,
# which says nothing about speed: there are no deadlines.
hypothesis.settings.register_profile("seqlab", derandomize=True, deadline=None, database=None, print_blob=False)
hypothesis.settings.load_profile("seqlab")


@pytest.fixture
def data_folder() -> Path:
    """The real data sets beside the repository; tests that need them are skipped where there are none."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the data sets in {folder}")
    return folder
