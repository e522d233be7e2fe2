"""Files in zip archives and behind gzip, read in memory: nothing is written, and a name in an archive is only a name.

What an archive says of itself is not believed. A few kilobytes can claim, or unfold to, any number of bytes, so that
no more is unfolded than is claimed, and no more claimed than `MOST_BYTES`. Of zip's ways to compress, deflate is read,
which can be unfolded bit by bit.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from seqlab.core.errors import DataError

MOST_BYTES = 2**29
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What a damaged archive raises depends on the byte: where a bit says that a member is encrypted, a RuntimeError.
DAMAGES = (OSError, EOFError, ValueError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error)


def zipped_file(path: Path | str, name: str) -> bytes:
    """The bytes of one file of a zip archive.

    Raises:
        DataError: as in `zipped_files`, or no file of that name.
    """
    for _, content in zipped_files(path, lambda found: found == name, name):
        return content
    raise DataError(f"{path}: expected a zip archive with {name}; it has none.")


def zipped_files(path: Path | str, wanted: Callable[[str], bool], what: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file of a zip archive whose name is ``wanted``, by name.

    Args:
        path: the archive.
        wanted: name -> whether it is read.
        what: what is wanted, in words, for messages.

    Raises:
        DataError: no such archive, or a file in it that is damaged, or larger than `MOST_BYTES`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if wanted(member.filename)]
            for member in sorted(members, key=lambda member: member.filename):
                yield member.filename, _read(archive, member)
    except DataError:
        raise
    except DAMAGES as error:
        raise DataError(f"{path}: expected a zip archive with {what}; {_reason(error)}.") from error


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in METHODS:
        raise ValueError(f"{member.filename} is compressed in another way than deflate")
    if member.file_size > MOST_BYTES:
        raise ValueError(f"{member.filename} has {member.file_size} bytes, more than {MOST_BYTES}")
    with archive.open(member) as file:
        # A size is named, as without one all is unfolded that there is.
        content = file.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise ValueError(f"{member.filename} has {len(content)} bytes instead of {member.file_size}")
    return content


def gunzipped(content: bytes, path: Path | str) -> bytes:
    """What gzip compressed.

    Raises:
        DataError: other bytes, or more than `MOST_BYTES` behind them.
    """
    # zlib's own object, as the module gzip asks for all of the memory that may be needed at once.
    unfolded, place = io.BytesIO(), 0
    try:
        while place < len(content):
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            unfolded.write(member.decompress(content[place:], MOST_BYTES + 1 - unfolded.tell()))
            if unfolded.tell() > MOST_BYTES:
                raise DataError(f"{path}: expected at most {MOST_BYTES} bytes, found more behind the compression.")
            if not member.eof:
                raise EOFError("it ends too early")
            place = len(content) - len(member.unused_data.lstrip(b"\0"))
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected a file compressed by gzip; {_reason(error)}.") from error
    return unfolded.getvalue()


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or "it is damaged"
