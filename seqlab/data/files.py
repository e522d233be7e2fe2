"""Finding a data set's files, or fetching them.

A file is looked for under the data folder, in a folder named for the data set and then in the data folder itself. A
file that is found is read only when its SHA-256 is the registered one; a file that is missing is downloaded, checked
before it gets its name, so that a broken download never looks like a file. One that fails leaves no folder either.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.core.errors import DataError, SeqlabError

CONNECT_SECONDS, READ_SECONDS = 2.0, 20.0


class RemoteFile(NamedTuple):
    """Where a file comes from, and how to know it.

    Attributes:
        url: its address.
        sha256: the SHA-256 of its bytes, in hexadecimal.
        is_folder: whether the address is that of a folder whose files were put into an archive, which is not published.
    """

    url: str
    sha256: str
    is_folder: bool = False


def remote_files(address: str, sums: Mapping[str, str]) -> dict[str, RemoteFile]:
    """Files that lie under one address, by name, from their checksums."""
    return {file: RemoteFile(f"{address}/{file}", sha256) for file, sha256 in sums.items()}


def sha256_of(path: Path | str) -> str:
    """The SHA-256, in hexadecimal, of a file's bytes; of a folder, that of its files' names and bytes in order."""
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = (f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(name: str, file: str, remote: RemoteFile, data_dir: Path | str) -> Path:
    """The path of a data set's file, downloaded if it is nowhere.

    Args:
        name: the data set's name, which is the folder's too.
        file: the file's name.
        remote: its address and checksum.
        data_dir: looked through as ``<data_dir>/<name>/<file>``, then ``<data_dir>/<file>``; a download goes to the
            first of them.

    Raises:
        DataError: a file is there, but with another checksum.
        SeqlabError: no file is there, and the download failed.
    """
    folder = Path(data_dir).expanduser()
    places = (folder / name / file, folder / file)
    for path in places:
        if path.is_file():
            _check(path, remote.sha256)
            return path
    remedy = (
        "Name the folder that holds it with --data_dir, put the file in one of these places, or read files of your own "
        "with --dataset=FORMAT:PATH."
    )
    if remote.is_folder:
        raise SeqlabError(
            f"{name} needs {file}: not found as {places[0]} or {places[1]}, and no such archive is published: its "
            f"files lie at {remote.url}, and can be read from a folder of them.\n{remedy}"
        )
    try:
        return _download(remote, places[0])
    except (OSError, ValueError) as error:  # requests' own errors are OSErrors, a wrong checksum is a ValueError
        raise SeqlabError(
            f"{name} needs {file}: not found as {places[0]} or {places[1]}, and {remote.url} gave no file: "
            f"{_reason(error)}.\n{remedy}"
        ) from error


def _check(path: Path, expected: str) -> None:
    try:
        found = sha256_of(path)
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error
    if found != expected:
        raise DataError(
            f"{path}: expected sha256 {expected}, found {found}.\n"
            f"The file was changed or is another one: move it away to have it downloaded, or name another --data_dir."
        )


def _download(remote: RemoteFile, path: Path) -> Path:
    # Here, as most runs download nothing and should not pay for the imports.
    import pooch
    import requests

    # One attempt: whoever has no network should hear so at once. What pooch would log, our error says.
    pooch.get_logger().setLevel("WARNING")
    # Any: pooch's own type for a downloader does not fit its downloaders.
    downloader: Any = pooch.HTTPDownloader(timeout=(CONNECT_SECONDS, READ_SECONDS))
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        pooch.retrieve(remote.url, f"sha256:{remote.sha256}", path.name, path.parent, downloader=downloader)
    except requests.HTTPError as error:
        if error.response is not None:
            error.response.close()  # pooch leaves the connection open
        raise
    finally:
        _remove_empty(missing)
    return path


def _remove_empty(folders: Iterable[Path]) -> None:
    """Removes folders, the innermost first, as far as nothing is in them."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _reason(error: Exception) -> str:
    """What went wrong, in a few words: requests tells a connection's whole history."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return " ".join(str(error).split()).rstrip(".")
