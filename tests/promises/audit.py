"""What Python does while something runs, by its audit hooks: what is executed, started, connected to and written."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RUNS = ("exec", "compile", "marshal.loads", "pickle.find_class", "ctypes.dlopen", "code.__new__")
STARTS = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "pty.spawn",
    "subprocess.Popen",
)
CONNECTS = ("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request", "ftplib.connect")
CHANGES = (
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "os.truncate",
    "shutil.",
)
Event = tuple[str, tuple[Any, ...]]

_listening: list[list[Event]] = []


def _from_type_checker() -> bool:
    """Whether the tests' checker of annotations is at work, which writes functions of its own and compiles them."""
    frame = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in ("beartype", "jaxtyping"):
            return True
        frame = frame.f_back
    return False


def _hook(name: str, args: tuple[Any, ...]) -> None:
    if not _listening or (name in RUNS and _from_type_checker()):
        return
    for events in _listening:
        events.append((name, args))


@contextmanager
def heard() -> Iterator[list[Event]]:
    """The events while it lasts. A hook stays for the life of the process, and so there is one."""
    if _hook not in _hooks:
        sys.addaudithook(_hook)
        _hooks.append(_hook)
    events: list[Event] = []
    _listening.append(events)
    try:
        yield events
    finally:
        _listening.remove(events)


_hooks: list[Any] = []


def named(events: list[Event], *names: str) -> list[Event]:
    """The events that have one of the names, or begin with one that ends in a dot."""
    return [
        event for event in events if event[0].startswith(tuple(n for n in names if n[-1] == ".")) or event[0] in names
    ]


def written(events: list[Event]) -> set[Path]:
    """Absolute paths that were opened for writing, made, renamed or removed."""
    paths = set()
    for name, args in events:
        if name == "open" and isinstance(args[0], str | bytes | os.PathLike):
            flags = args[2] if isinstance(args[2], int) else 0
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND):
                paths.add(args[0])
        # A tree is removed name by name, each in a folder that is open; the tree itself was heard of before.
        elif name in ("os.remove", "os.rmdir") and args[-1] != -1:
            continue
        elif named([(name, args)], *CHANGES):
            paths |= {arg for arg in args[:2] if isinstance(arg, str | bytes | os.PathLike)}
    return {Path(os.path.abspath(os.fsdecode(path))) for path in paths}
