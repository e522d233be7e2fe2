"""A file of any format, changed at random, is read or refused in our own words: path, row, nothing else.

Every mutant has 10 s of the processor and a gigabyte of memory beyond what the process has.
"""

import re
import resource
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.registry import DATASETS
from tests.promises.formats import KINDS, Format, make_formats, numbers_in
from tests.promises.mutants import mutants

MOST_SECONDS, MOST_BYTES = 10, 2**30
# What is said of a file as a whole, or of a byte of it, where there is no row to speak of.
WHOLE_FILE = r"byte \d+|found (none|nothing)|found \d+ rows|expected a sequence|found the unknown"


@pytest.fixture(scope="module")
def formats(tmp_path_factory) -> dict[str, Format]:
    return make_formats(tmp_path_factory.mktemp("made"))


NAMES = [
    "text", "conll", "tsv", "label_first", "folders", "csv_series", "csv_sensors", "fasta", "csv_dna", "ts",
    "npz_sensors", "npz_frames", "npz_rolls", "idx", "idx_gz", "idx_labels", "csv_pixels", "tsv_parallel",
    "files_parallel", "tatoeba", "wikitext", "midi", "mat", "json_rolls", "wav_words", "zip_words", "fsdd",
    "transcripts", "vectors", "vocabulary", "pieces", "scaling", "decision", "feature_scaling", "labels",
    "predict_lines", "flags", "safetensors", "manifest", "image",
]  # fmt: skip


@contextmanager
def bounded() -> Iterator[None]:
    """Raises what no reader may raise where there is more to do, or to remember, than any mutant is worth."""

    def too_long(number: int, frame: object) -> None:
        raise TimeoutError(f"more than {MOST_SECONDS} s")

    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_BYTES, before[1]))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def outcome(form: Format, path: Path, content: bytes) -> str:
    """``read``, ``refused``, or what is wrong with how the content was met."""
    path.write_bytes(content)
    try:
        with bounded(), warnings.catch_warnings():
            warnings.simplefilter("error")
            result = form.read(path)
    except SeqlabError as error:
        message = str(error)
        if str(path) not in message and str(path.parent) not in message:
            return f"a message without the path: {message[:200]}"
        if form.rows and not re.search(rf":\d+: |{WHOLE_FILE}", message):
            return f"a message without a row: {message[:200]}"
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return "read" if numbers_in(result) else "a number that is not finite"


def law(form: Format, folder: Path, count: int) -> Counter[str]:
    """How often mutants were read and refused; fails where anything else came of one."""
    path = form.lay_out(folder)
    counts: Counter[str] = Counter()
    examples: dict[str, bytes] = {}
    for content in mutants(form.seeds, count, seed=0):
        met = outcome(form, path, content)
        kind = re.sub(r"\d+|'.*'", "*", met)[:90]
        counts[kind] += 1
        if kind not in ("read", "refused"):
            examples.setdefault(f"{kind} | {met}", content)
    assert not examples, f"{counts}\n" + "\n".join(f"{kind}: {bad[:300]!r}" for kind, bad in examples.items())
    return counts


@pytest.mark.parametrize("name", NAMES)
def test_both_seeds_are_read(formats, tmp_path, name):
    form = formats[name]
    path = form.lay_out(tmp_path)
    assert [outcome(form, path, seed) for seed in form.seeds] == ["read", "read"]


@pytest.mark.parametrize("name", NAMES)
def test_a_mutant_is_read_or_refused_in_our_own_words(formats, tmp_path, name):
    assert law(formats[name], tmp_path, 60)["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_mutants_are_read_or_refused_in_our_own_words(formats, tmp_path, name):
    counts = law(formats[name], tmp_path, 10_000)
    print(f"{name}: {dict(counts)}")


def test_every_format_of_files_of_ones_own_is_here(formats):
    assert list(formats) == NAMES
    own = {form.read.args[:2] for form in formats.values() if isinstance(form.read, partial)}
    assert own == {(kind, name) for kind in KINDS for name in KINDS[kind].formats}
    assert {entry.format for entry in DATASETS.values()} <= {kind.format for kind in KINDS.values()}


def test_the_law_notices_what_breaks_it(formats, tmp_path):
    def met(read):
        form = Format("a.txt", (b"a", b"b"), read, True)
        return outcome(form, form.lay_out(tmp_path), b"c")

    def refuse(message):
        raise DataError(message)

    def warn(path):
        warnings.warn("a warning", UserWarning, stacklevel=1)

    assert met(lambda path: refuse(f"{path}:1: wrong")) == "refused"
    assert met(lambda path: refuse("wrong")).startswith("a message without the path")
    assert met(lambda path: refuse(f"{path}: wrong")).startswith("a message without a row")
    assert met(lambda path: [{"a": (float("nan"),)}]) == "a number that is not finite"
    assert met(warn) == "UserWarning: a warning"
    assert met(lambda path: bytearray(2 * MOST_BYTES)).startswith("MemoryError")
