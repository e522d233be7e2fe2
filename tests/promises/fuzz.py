"""A fuzzer of the binary readers that is guided by what of their code it has reached.

    python -m tests.promises.fuzz NAME [SECONDS]

NAME is a format of `tests.promises.formats`. Needs the package atheris (Apache-2.0; pip install atheris), which traces
the branches of our readers; what it holds interesting it mutates further. It stops at the first input that breaks the
law of `tests.promises.mutation_test`, and prints it.
"""

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

# Any, and imported so: it is no dependency, as only this file uses it.
atheris: Any = import_module("atheris")
with atheris.instrument_imports(include=["seqlab.data.loaders", "mido", "soundfile", "zipfile", "gzip"]):
    from tests.promises.formats import make_formats
    from tests.promises.mutation_test import outcome


def main() -> None:
    """Fuzzes one format for so many seconds, 120 by default."""
    name, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "120"
    folder = Path(tempfile.mkdtemp())
    (folder / "made").mkdir()
    (folder / "corpus").mkdir()
    form = make_formats(folder / "made")[name]
    path = form.lay_out(folder)
    for number, seed in enumerate(form.seeds):
        (folder / "corpus" / str(number)).write_bytes(seed)

    def read(content: bytes) -> None:
        met = outcome(form, path, content)
        if met not in ("read", "refused"):
            raise AssertionError(f"{name}: {met}: {content!r}")

    options = [
        f"-max_total_time={seconds}",
        "-max_len=8192",
        "-rss_limit_mb=8192",
        f"-artifact_prefix={folder}/",
        "-timeout=20",
        str(folder / "corpus"),
    ]
    atheris.Setup([sys.argv[0], *options], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
