"""Plain text files.

Read strictly as UTF-8. A byte order mark at the start is dropped, and the line ends of Windows (CR LF) and of old
Macintoshes (CR) become a newline; nothing else is changed. A bad byte is an error, never a replacement character.
"""

from pathlib import Path

from seqlab.core.errors import DataError
from seqlab.data.loaders.archives import zipped_file


def read_text(path: Path | str, *, encoding: str = "utf-8") -> str:
    """The text of a UTF-8 file, with newlines as its only line ends.

    Args:
        path: the file.
        encoding: another encoding, for a published file that is known to have it.

    Raises:
        DataError: the file is missing, a folder, unreadable, empty, not UTF-8, or holds a NUL; for the last two the
            message gives the offset of the first bad byte.
    """
    path = Path(path)
    try:
        if path.is_dir() or (path.exists() and not path.is_file()):
            kind = "a folder" if path.is_dir() else "no regular file"
            raise DataError(f"{path}: expected a UTF-8 text file, found {kind}. Name one file.")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: expected a UTF-8 text file, found no file of that name. Check the path.") from error
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error
    return decode_text(data, str(path), encoding=encoding)


def read_zipped_text(path: Path | str, member: str) -> str:
    """The text of a UTF-8 file in a zip archive.

    Raises:
        DataError: no such archive or member, or what `read_text` refuses of its text.
    """
    return decode_text(zipped_file(path, member), f"{path}/{member}")


def decode_text(data: bytes, path: str, *, encoding: str = "utf-8") -> str:
    """The text of bytes; ``path`` names them in errors, which are those of `read_text`."""
    text = _decode(data, path, encoding).removeprefix("\ufeff")
    if not text:
        raise DataError(f"{path}: expected a UTF-8 text, found nothing.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, path: str, encoding: str) -> str:
    nul = data.find(b"\0")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if nul < 0 or error.start < nul:
            raise DataError(
                f"{path}: byte {error.start}: expected {encoding.upper()}, found 0x{data[error.start]:02x} "
                f"({error.reason}). Convert the file, for example with iconv -f LATIN1 -t UTF-8."
            ) from error
        text = ""
    if nul >= 0:
        raise DataError(
            f"{path}: byte {nul}: expected UTF-8 text, found a NUL byte; the file looks binary, or like UTF-16. "
            f"Convert it to UTF-8."
        )
    return text
