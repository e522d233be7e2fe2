"""Compiled programs on disk: tests that train make the same programs again and again."""

from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

SETTINGS = {
    "jax_compilation_cache_dir": None,
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
    "jax_disable_most_optimizations": True,
}


def environment(folder: Path) -> dict[str, str]:
    """What makes another process use the folder too."""
    return {
        "JAX_PLATFORMS": "cpu",
        **{name.upper(): str(value) for name, value in SETTINGS.items()},
        "JAX_COMPILATION_CACHE_DIR": str(folder),
    }


@pytest.fixture(scope="package", autouse=True)
def compilation_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of compiled programs, for the tests of one folder; import it into a conftest.py."""
    folder = tmp_path_factory.mktemp("programs")
    before = {name: jax.config.values[name] for name in SETTINGS}
    for name, value in {**SETTINGS, "jax_compilation_cache_dir": str(folder)}.items():
        jax.config.update(name, value)
    # Whether there is a cache is decided when something is first compiled.
    compilation_cache.reset_cache()
    yield folder
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
