"""Flag files, read strictly: every line is a flag, a comment, or an error with ``file:row``.

absl hands on whatever a flag file holds: a line without dashes or an indented comment becomes a plain argument that
nobody reads, a comment behind a value becomes part of the value. Here the files are expanded before absl sees them, so
that nothing in a file is lost or changed without a word. A line of a flag file is one of

    # text  or  // text      a comment, in column 1; blank lines are skipped
    --name=value             the value is all that follows the first ``=``, without the white space at the line's end
    --name  or  --noname     a boolean flag
    --flagfile=FILE          the lines of FILE, in this place; FILE lies beside this file or in the working directory

and the last value given wins, as in absl: a file may override what it includes, and the command line the file.
"""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from seqlab.core.errors import DataError, SeqlabError

# absl looks for the nearest name by a recursion as deep as a name is long.
_NAME = r"[A-Za-z_][\w.-]{0,99}"
_FLAG = re.compile(rf"--?{_NAME}(=.*)?")
_FLAG_SPACE_VALUE = re.compile(rf"--?({_NAME})\s+=?\s*(.*)")
_NAME_AND_VALUE = re.compile(rf"[-–—\s]*({_NAME})\s*[=:\s]\s*(.+)")
_COMMENT_BEHIND = re.compile(r"\s(#|//)")


class Token(NamedTuple):
    """One argument of the command line.

    Attributes:
        text: the argument, as absl is to see it.
        origin: ``file:row`` of the flag file that holds it; empty where it stood on the command line itself.
    """

    text: str
    origin: str = ""


def expand(argv: Sequence[str]) -> list[str]:
    """Puts in place of every ``--flagfile=FILE`` in ``argv`` the flags of that file; see :func:`expand_tokens`."""
    return [token.text for token in expand_tokens(argv)]


def expand_tokens(argv: Sequence[str]) -> list[Token]:
    """The arguments with every flag file replaced by its flags, each with the place that it comes from.

    ``--flagfile=FILE``, ``--flagfile FILE`` and the same with one dash are expanded, also inside flag files (there
    only with ``=``); ``~`` stands for the home folder. Every other argument is kept as it is, and after a lone ``--``
    all of them. The program's name may lead ``argv`` or be left out.

    >>> expand_tokens(["--rate=0.3", "--nesterov"])
    [Token(text='--rate=0.3', origin=''), Token(text='--nesterov', origin='')]

    Raises:
        SeqlabError: a flag file is missing, a folder, not readable, or includes itself.
        DataError: a line of a flag file is no flag and no comment; the message begins with ``file:row``.
    """
    tokens: list[Token] = []
    rest = list(argv)
    while rest:
        text = rest.pop(0)
        if text == "--":
            return [*tokens, Token(text), *map(Token, rest)]
        name = _included(text)
        if name is None:
            tokens.append(Token(text))
            continue
        if "=" not in text and rest:
            name = rest.pop(0)
        tokens.extend(_file_tokens(name, origin="", chain=()))
    return tokens


def parse_line(line: str, origin: str, pending: str = "") -> str:
    """The flag on one line of a flag file, or "" where the line is blank or a comment.

    >>> parse_line("--rate=0.3", "my.flags:1")
    '--rate=0.3'
    >>> parse_line("rate=0.3", "my.flags:1")
    Traceback (most recent call last):
    seqlab.core.errors.DataError: my.flags:1: expected a flag, found 'rate=0.3'; did you mean '--rate=0.3'?

    Args:
        line: the line, without its line break.
        origin: ``file:row``, for the message.
        pending: the flag of the line before where that has no value, so that a value on its own line is understood.

    Raises:
        DataError: the line is neither a flag, nor a comment, nor blank.
    """
    line = line.rstrip()
    if "\r" in line or "\n" in line:
        raise DataError(f"{origin}: expected one flag on a line, found a line break inside it. End lines with \\n.")
    if not line or line.startswith(("#", "//")):
        return ""
    if problem := _problem(line, pending):
        raise DataError(f"{origin}: {problem}")
    return line


def _problem(line: str, pending: str) -> str:
    """What is wrong with a line that is to be a flag; "" where nothing is."""
    text = line.strip()
    if line[0].isspace():
        kind = "a comment" if text.startswith(("#", "//")) else "a flag"
        return f"expected {kind} in column 1, found the indented {text!r}. Remove the white space in front of it."
    if line == "--":
        return "expected a flag, found '--', which would end the flags, the command line's too. Remove this line."
    if line.startswith("-") and (comment := _COMMENT_BEHIND.search(line)):
        return (
            f"expected a flag alone, found the comment {line[comment.start() + 1 :]!r} behind it, which would become "
            "part of the value. Put the comment on a line of its own."
        )
    if spaced := _FLAG_SPACE_VALUE.fullmatch(line):
        return f"expected --name=value, found {line!r}; did you mean '--{spaced[1]}={spaced[2]}'?"
    if not _FLAG.fullmatch(line):
        return f"expected a flag, found {line!r}; did you mean {_nearest_flag(text, pending)!r}?"
    value = line.partition("=")[2]
    if value.endswith("\\"):
        return f"expected a value on one line, found a backslash at the end of {line!r}. Join the lines."
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return f"expected a value without quotes, found {line!r}, whose quotes would become part of it. Remove them."
    return ""


def _nearest_flag(text: str, pending: str) -> str:
    """What the writer of a line that is no flag probably meant."""
    if pending and "=" not in text:
        return f"{pending}={text}"
    if found := _NAME_AND_VALUE.fullmatch(text):
        return f"--{found[1]}={found[2]}"
    return f"--{text}" if re.fullmatch(_NAME, text) else "--name=value"


def _included(text: str) -> str | None:
    """The file that an argument includes ("" where it names none), or None where it is no ``--flagfile``."""
    flag, _, name = text.partition("=")
    return name.strip() if flag in ("--flagfile", "-flagfile") else None


def _file_tokens(name: str, origin: str, chain: tuple[str, ...]) -> list[Token]:
    """The flags of the file ``name``, which ``origin`` includes; ``chain`` holds the files that are being read."""
    path = _find(name, origin, chain)
    if os.path.realpath(path) in map(os.path.realpath, chain):
        raise SeqlabError(f"{origin}: circular --flagfile: {' -> '.join([*chain, path])}. Remove one of the includes.")
    tokens: list[Token] = []
    pending = ""
    for row, line in enumerate(_read_lines(path, origin), start=1):
        here = f"{path}:{row}"
        text = parse_line(line, here, pending)
        if not text:
            continue
        included = _included(text)
        if included is None:
            tokens.append(Token(text, here))
        elif included or "=" in text:
            tokens.extend(_file_tokens(included, here, (*chain, path)))
        else:
            raise DataError(f"{here}: expected --flagfile=FILE on one line, found {text!r}. Add '=' and the file.")
        pending = "" if "=" in text else text
    return tokens


def _find(name: str, origin: str, chain: tuple[str, ...]) -> str:
    """The path of a flag file: relative names are looked for beside the including file, then in the working folder."""
    where = f"{origin}: " if origin else ""
    if not name:
        raise SeqlabError(f"{where}expected a file after --flagfile=, found nothing. Name one: --flagfile=FILE.")
    name = os.path.expanduser(name)
    beside = [os.path.join(os.path.dirname(chain[-1]), name)] if chain else []
    places = list(dict.fromkeys(os.path.normpath(place) for place in [*beside, name]))
    for place in places:
        if os.path.exists(place):
            return place
    hint = "Check the path."
    if "," in name:
        hint = "A list of files is not read: give one --flagfile= for each."
    elif "$" in name:
        hint = "Variables such as $HOME are not expanded; '~' is."
    tried = " and ".join(repr(os.path.abspath(place)) for place in places)
    raise SeqlabError(f"{where}expected a flag file, found none named {name!r}; looked for {tried}. {hint}")


def _read_lines(path: str, origin: str) -> list[str]:
    """The lines of a UTF-8 file, without their line breaks and without a byte-order mark."""
    where = f"{origin}: " if origin else ""
    if os.path.isdir(path):
        raise SeqlabError(f"{where}expected a flag file, found the folder {path!r}. Name a file in it.")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise SeqlabError(f"{where}cannot read the flag file {path!r}: {error.strerror}.") from error
    try:
        return data.decode("utf-8").removeprefix("\ufeff").split("\n")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{row}: expected UTF-8, found byte 0x{data[error.start]:02x} at byte {error.start}. "
            "Save the file as UTF-8."
        ) from error
