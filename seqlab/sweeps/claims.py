"""Which process works on which trial: claims in a folder, which the dead lose.

    claims/lock                one process at a time decides who works on what
    claims/0007.json           {"worker": "ada-4242-9f3c", "boot": "...", "attempts": 1}
    claims/ada-4242-9f3c.alive   held by that worker (flock) as long as it lives

A worker takes a trial, beats while it works on it (the claim's time of change), and releases it. A claim is void
when its worker is dead: on the machine of whoever asks, when the system has given back the worker's lock, at once;
on another machine, when it has not beaten for a while. The folder has to be on a disk that all workers share.
"""

import contextlib
import fcntl
import json
import os
import platform
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from seqlab.core.errors import SeqlabError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Claims:
    """The claims of one worker, and its view of the others'."""

    def __init__(self, folder: Path, *, lease_seconds: float = 60.0) -> None:
        """Makes the folder where it is not there, and says that this worker lives.

        Args:
            folder: of the claims.
            lease_seconds: how long a worker of another machine is taken to live after a beat.
        """
        self.folder = folder
        self.worker = f"{platform.node() or 'host'}-{os.getpid()}-{uuid.uuid4().hex[:4]}"
        self._lease_seconds = lease_seconds
        self._boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else platform.node()
        self._mine: set[int] = set()
        folder.mkdir(parents=True, exist_ok=True)
        self._alive = self._path_of_worker(self.worker).open("a")
        _lock(self._alive)

    @contextlib.contextmanager
    def deciding(self) -> Iterator[None]:
        """Within this block no other process takes or releases a claim."""
        with (self.folder / "lock").open("a") as file:
            _lock(file)
            yield

    def attempts(self, trial: int) -> int | None:
        """How many workers have taken a trial so far, 0 for none; ``None`` where one of them is at work on it."""
        claim = self._read(trial)
        if claim is None:
            return 0
        return None if self._lives(trial, claim) else claim["attempts"]

    def takes(self, trial: int) -> int:
        """How many workers have taken a trial that was never released, whether the last of them lives or not."""
        claim = self._read(trial)
        return 0 if claim is None else claim["attempts"]

    def take(self, trial: int) -> bool:
        """Claims a trial, unless another living worker has it; call it within ``deciding``."""
        attempts = self.attempts(trial)
        if attempts is None:
            return False
        content = {"worker": self.worker, "boot": self._boot, "attempts": attempts + 1}
        part = self._path(trial).with_suffix(".part")
        part.write_text(json.dumps(content) + "\n")
        part.replace(self._path(trial))
        self._mine.add(trial)
        return True

    def release(self, trial: int) -> None:
        """Gives up a claim, as the trial is done or others may go on with it; one that was lost stays as it is."""
        with self.deciding():
            if self._is_mine(trial):
                self._path(trial).unlink()
            self._mine.discard(trial)

    def beat(self) -> bool:
        """Says that this worker lives and works; whether all its claims are still its own."""
        for trial in list(self._mine):
            if not self._is_mine(trial):
                return False
            with contextlib.suppress(FileNotFoundError):  # Released in this moment.
                os.utime(self._path(trial))
        return True

    @contextlib.contextmanager
    def beating(self, seconds: float, lost: threading.Event) -> Iterator[None]:
        """Beats every so many seconds, in a thread; sets ``lost`` where a claim has gone to another worker."""
        ended = threading.Event()

        def beats() -> None:
            while not ended.wait(seconds):
                if not self.beat():
                    lost.set()

        thread = threading.Thread(target=beats, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def close(self) -> None:
        """Says that this worker is gone."""
        self._path_of_worker(self.worker).unlink(missing_ok=True)
        self._alive.close()

    def _path(self, trial: int) -> Path:
        return self.folder / f"{trial:04d}.json"

    def _path_of_worker(self, worker: str) -> Path:
        return self.folder / f"{worker}.alive"

    def _read(self, trial: int) -> dict | None:
        try:
            return json.loads(self._path(trial).read_text())
        except FileNotFoundError:
            return None

    def _is_mine(self, trial: int) -> bool:
        claim = self._read(trial)
        return claim is not None and claim["worker"] == self.worker

    def _lives(self, trial: int, claim: dict) -> bool:
        """Whether the worker of a claim is alive."""
        if claim["boot"] == self._boot:
            try:
                file = self._path_of_worker(claim["worker"]).open()
            except FileNotFoundError:
                return False
            with file:
                return _is_locked(file)
        try:
            beaten = self._path(trial).stat().st_mtime
        except FileNotFoundError:
            return False
        return self._now() - beaten < self._lease_seconds

    def _now(self) -> float:
        """The time by the clock that the files' times are of, which may be another machine's."""
        lock = self.folder / "lock"
        lock.touch()
        return lock.stat().st_mtime


def _is_locked(file: TextIO) -> bool:
    """Whether some process holds the lock of a file."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _lock(file: TextIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        raise SeqlabError(
            f"{file.name}: the file system gives no locks ({error.strerror}), by which workers claim trials. Name a "
            "--sweep_dir on another one."
        ) from error
