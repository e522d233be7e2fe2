"""The registered data sets whose files are fetched, each read from a server on loopback that has files of its form."""

import hashlib
import io
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seqlab.core.errors import DataError
from seqlab.data import registry
from seqlab.data.files import RemoteFile
from seqlab.data.labelled import load_labelled
from seqlab.data.registry import DATASETS
from seqlab.data.texts import load_text


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # noqa: A002 - the base class calls it so
        pass


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Puts files of a data set on a server, and their address and checksum into its entry."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "published"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()

        def put(name, files):
            remote = {}
            for file, content in files.items():
                (folder / file).write_bytes(content)
                url = f"http://127.0.0.1:{server.server_port}/{file}"
                remote[file] = RemoteFile(url, hashlib.sha256(content).hexdigest())
            entry = DATASETS[name]
            assert set(entry.files) == set(remote)
            changed = DATASETS | {name: type(entry)(**{**vars(entry), "files": remote})}
            monkeypatch.setattr(registry, "DATASETS", changed)

        yield put
        server.shutdown()
        thread.join()


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_penn_treebank_has_a_file_for_each_split(publish, tmp_path):
    files = {f"ptb.{part}.txt": f" no {part} <unk> N \n".encode() for part in ("train", "valid", "test")}
    publish("penn_treebank", files)
    splits = load_text("penn_treebank", data_dir=tmp_path / "data")
    assert splits.parts == (" no train <unk> N \n", " no valid <unk> N \n", " no test <unk> N \n")
    assert {path.name: path.read_bytes() for path in (tmp_path / "data" / "penn_treebank").iterdir()} == files


def test_wikitext2_is_read_from_its_archive(publish, tmp_path):
    members = {f"wikitext-2/wiki.{part}.tokens": f" = {part} – <unk> = \n" for part in ("train", "valid", "test")}
    publish("wikitext2", {"wikitext-2-v1.zip": zipped({**members, "wikitext-2/": ""})})
    splits = load_text("wikitext2", data_dir=tmp_path)
    assert splits.parts == tuple(members.values())


@pytest.mark.parametrize(
    "content", [b"no archive", zipped({"wikitext-2/wiki.train.tokens": "a"})], ids=["no archive", "one member"]
)
def test_an_archive_that_lacks_a_split_is_named(publish, tmp_path, content):
    publish("wikitext2", {"wikitext-2-v1.zip": content})
    with pytest.raises(DataError, match=r"wikitext-2-v1\.zip: expected a zip archive with wikitext-2/wiki\."):
        load_text("wikitext2", data_dir=tmp_path)


def test_movie_reviews_are_one_fold_of_ten_and_read_in_their_own_encoding(publish, tmp_path):
    lines = {
        file: [f"{file[12:]} clich\xe9 \x85 {n} " for n in range(1, 31)] for file in DATASETS["movie_reviews"].files
    }
    publish(
        "movie_reviews", {file: "".join(f"{line}\n" for line in own).encode("latin-1") for file, own in lines.items()}
    )
    splits = load_labelled("movie_reviews", data_dir=tmp_path)
    assert [len(part) for part in splits.parts] == [48, 6, 6]
    assert sorted(row.row for row in splits.test) == [10, 10, 20, 20, 30, 30]
    assert sorted(row.row for row in splits.validation) == [9, 9, 19, 19, 29, 29]
    assert {(row.label, row.text.split()[0]) for part in splits.parts for row in part} == {
        ("negative", "neg"),
        ("positive", "pos"),
    }
    assert splits.train[0].text == "neg cliché … 1"
