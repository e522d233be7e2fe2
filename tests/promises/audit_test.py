"""Reading a file executes nothing, starts nothing, connects to nothing and writes nothing, whatever the file holds."""

import contextlib
import os
import socket
import subprocess
import tracemalloc
import zlib

import pytest

from experiments import run_folder
from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.loaders import archives
from seqlab.data.registry import DATASETS
from seqlab.data.tagged import load_tagged
from seqlab.data.texts import load_text
from tests.promises.audit import CONNECTS, RUNS, STARTS, heard, named, written
from tests.promises.formats import make_formats
from tests.promises.hostile import PATHS, claiming, hostile_files, zipped


@pytest.fixture(scope="module")
def formats(tmp_path_factory):
    return make_formats(tmp_path_factory.mktemp("made"))


def read_all(formats, cases, folder):
    """Reads every case twice, as a first time may import; what is heard of is the second."""
    events = []
    for number, (name, content) in enumerate(cases):
        path = formats[name].lay_out(folder / str(number))
        path.write_bytes(content)
        for turn in range(2):
            with heard() as found:  # noqa: SIM117  (what is suppressed is no reason not to have heard)
                with contextlib.suppress(SeqlabError):
                    formats[name].read(path)
            events += found if turn else []
    assert named(events, "open")  # It did hear.
    return events


def test_reading_any_format_runs_starts_connects_and_writes_nothing(formats, tmp_path):
    cases = [(name, seed) for name, form in formats.items() for seed in form.seeds]
    events = read_all(formats, cases, tmp_path)
    assert named(events, *RUNS, *STARTS, *CONNECTS) == []
    assert written(events) == set()


def test_reading_hostile_files_runs_starts_connects_and_writes_nothing(formats, tmp_path):
    evil = tmp_path / "evil"
    cases = [(hostile.format, hostile.content) for hostile in hostile_files(formats, evil)]
    assert len(cases) >= 80
    events = read_all(formats, cases, tmp_path / "in")
    assert named(events, *RUNS, *STARTS, *CONNECTS) == []
    assert written(events) == set()
    assert not evil.exists()


def test_the_hook_hears_what_it_has_to(tmp_path):
    with heard() as events:
        exec(compile("1", "a", "eval"))
        subprocess.run(["true"], check=True)
        os.system("true")
        with socket.socket() as local:
            local.bind(("127.0.0.1", 0))
        (tmp_path / "a").write_text("b")
        (tmp_path / "c").mkdir()
    names = {name for name, _ in events}
    assert {"exec", "compile", "subprocess.Popen", "os.system", "socket.bind"} <= names
    assert {tmp_path / "a", tmp_path / "c"} <= written(events)


def test_a_bomb_takes_no_more_memory_than_the_limit(monkeypatch, tmp_path):
    limit = 2**18
    monkeypatch.setattr(archives, "MOST_BYTES", limit)
    compressed = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = compressed.compress(bytes(64 * limit)) + compressed.flush()
    honest = zipped({"a": bytes(64 * limit)})
    (tmp_path / "honest.zip").write_bytes(honest)
    # One that says that it is small, and would unfold to 16 MB all the same.
    (tmp_path / "lying.zip").write_bytes(claiming(honest, 1000))
    tracemalloc.start()
    try:
        for name in ("honest", "lying"):
            with pytest.raises(DataError, match=rf"{name}\.zip: expected a zip archive with a;"):
                archives.zipped_file(tmp_path / f"{name}.zip", "a")
        with pytest.raises(DataError, match=r"a\.gz: expected at most 262144 bytes"):
            archives.gunzipped(bomb, "a.gz")
        assert tracemalloc.get_traced_memory()[1] < 8 * limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", [*PATHS, "text/../../evil", "tinyshakespeare/../evil", "", ".", "..", "%2e%2e/evil"])
def test_a_data_sets_name_leads_nowhere(tmp_path, name):
    with heard() as events:
        for load in (load_text, load_tagged):
            with pytest.raises(SeqlabError, match=r"unknown (dataset|format)"):
                load(name, data_dir=tmp_path / "data")
    assert written(events) == set()
    assert not any(tmp_path.iterdir())


def test_every_registered_file_lies_in_the_folder_of_its_data_set():
    for name, entry in DATASETS.items():
        assert name.replace("_", "").isalnum()
        for file in entry.files:
            assert not {"..", "", ".", "~"} & set(file.split("/"))


@pytest.mark.parametrize("name", [*PATHS, "..", ".", "...", ".flags", "a/../..", "runs/../../a.flags"])
def test_the_name_of_a_flag_file_makes_a_folder_in_runs(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    folder = run_folder.resolve("", [f"--flagfile={name}"])
    assert folder.resolve().parent == tmp_path / "runs"
