import hashlib
import socket
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.files import RemoteFile, locate, sha256_of

CONTENT = b"to be, or not to be\n" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # noqa: A002 - the base class calls it so
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of a server on loopback that has one file, published.txt."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "published.txt").write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as http_server:
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()
        thread.join()


@pytest.fixture
def dead_server(monkeypatch):
    """An address on loopback that refuses connections."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def test_a_missing_file_is_downloaded_once_into_the_data_sets_folder(tmp_path, server):
    remote = RemoteFile(f"{server}/published.txt", SHA256)
    path = locate("plays", "input.txt", remote, tmp_path / "data")
    assert path == tmp_path / "data" / "plays" / "input.txt"
    assert path.read_bytes() == CONTENT
    assert sha256_of(path) == SHA256
    assert locate("plays", "input.txt", RemoteFile("http://127.0.0.1:1/gone", SHA256), tmp_path / "data") == path


def test_a_download_with_another_checksum_leaves_no_file(tmp_path, server):
    with pytest.raises(SeqlabError, match="does not match") as error:
        locate("plays", "input.txt", RemoteFile(f"{server}/published.txt", "0" * 64), tmp_path / "data")
    assert "0" * 64 in str(error.value)
    assert SHA256 in str(error.value)
    assert not (tmp_path / "data").exists()


def test_a_download_that_fails_names_the_places_the_address_and_what_to_try(tmp_path, server):
    url = f"{server}/gone.txt"
    with pytest.raises(SeqlabError, match="HTTP status 404") as error:
        locate("plays", "input.txt", RemoteFile(url, SHA256), tmp_path)
    first, second = str(error.value).split("\n")
    for place in (tmp_path / "plays" / "input.txt", tmp_path / "input.txt", url):
        assert str(place) in first
    assert "--data_dir" in second
    assert "--dataset=FORMAT:PATH" in second
    assert not (tmp_path / "plays").exists()


def test_a_download_that_fails_leaves_the_folders_that_were_there(tmp_path, server):
    (tmp_path / "data" / "plays").mkdir(parents=True)
    with pytest.raises(SeqlabError, match="HTTP status 404"):
        locate("plays", "input.txt", RemoteFile(f"{server}/gone.txt", SHA256), tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == [tmp_path / "data" / "plays"]


def test_a_refused_connection_fails_within_three_seconds(tmp_path, dead_server):
    began = time.monotonic()
    with pytest.raises(SeqlabError, match="no connection"):
        locate("plays", "input.txt", RemoteFile(f"{dead_server}/input.txt", SHA256), tmp_path)
    assert time.monotonic() - began < 3


def test_a_data_folder_that_cannot_be_written_is_an_error_of_the_users(tmp_path, server):
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(SeqlabError, match="gave no file"):
        locate("plays", "input.txt", RemoteFile(f"{server}/published.txt", SHA256), tmp_path / "data")


@pytest.mark.parametrize("place", ["plays/input.txt", "input.txt"])
def test_a_file_that_is_there_is_used_if_its_checksum_is_right(tmp_path, dead_server, place):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CONTENT)
    remote = RemoteFile(f"{dead_server}/input.txt", SHA256)
    assert locate("plays", "input.txt", remote, tmp_path) == path
    path.write_bytes(CONTENT[1:])
    with pytest.raises(DataError) as error:
        locate("plays", "input.txt", remote, tmp_path)
    assert str(error.value).startswith(f"{path}: expected sha256 {SHA256}, found {sha256_of(path)}.")
    assert path.read_bytes() == CONTENT[1:]
