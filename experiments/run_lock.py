"""One run at a time in a folder: a lock that the system itself gives back when its process ends, however it ends.

    run.lock    {"pid": 4242, "host": "ada", "since": "2026-01-31T12:00:00+0000"}

The lock is the system's (``flock``) on the file; what is written in it only tells others whose it is. A file that is
there while nobody holds the lock is what a killed process left behind.
"""

import contextlib
import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from seqlab.core.errors import RunFolderError

NAME = "run.lock"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Makes the folder where it is not there, and holds its lock; the file goes when the block ends.

    Raises:
        RunFolderError: another process holds it; the message says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with _locked(path) as file:
        if before := file.read():
            print(f"{_holder(before)} ended without a word; its run goes on.")
        file.seek(0)
        file.truncate()
        since = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        file.write(json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since}) + "\n")
        file.flush()
        try:
            yield
        finally:
            # In a folder that cannot be written to any longer this would hide the error that says so.
            with contextlib.suppress(OSError):
                path.unlink()


def _locked(path: Path) -> TextIO:
    """The lock's file, once this process has the lock."""
    while True:
        file = path.open("a+")
        file.seek(0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                raise RunFolderError(
                    f"--run_dir={path.parent} is in use by {_holder(file.read())}; nothing was changed. "
                    "Wait until it ends, stop it, or name another folder."
                ) from None
        except OSError as error:
            print(
                f"warning: {path}: this file system has no locks ({error.strerror}); see that one run is in it alone."
            )
            return file
        # Whoever had the lock may have removed the file since it was opened here.
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file
        file.close()


def _holder(content: str) -> str:
    try:
        found = json.loads(content)
        return f"process {found['pid']} on {found['host']}, since {found['since']},"
    except (ValueError, TypeError, KeyError):
        return "a process that did not say its number"
