"""Settings that every test shares: the CPU, strict types, and random cases that are the same in every run."""

import os
from pathlib import Path

import hypothesis
import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# The programs of the tests, and of the processes that they start, run a handful of tiny calls each, so compiling is
# what they cost: XLA's older emitter of fusions, in one piece and without optimizations, compiles seven times as fast.
# XLA reads its flags when something is first compiled. SEQLAB_TESTS_AS_USED=1 compiles as users do, and takes longer.
QUICK_TO_COMPILE = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
if os.environ.get("SEQLAB_TESTS_AS_USED", "") != "1":
    os.environ["XLA_FLAGS"] = f"{QUICK_TO_COMPILE} {os.environ.get('XLA_FLAGS', '')}"
    jax.config.update("jax_disable_most_optimizations", True)

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
