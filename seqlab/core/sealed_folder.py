"""Folders that are whole or are not there, and whose every byte is known.

A folder is sealed by a manifest with the SHA-256 of each file in it and of itself. It is written under a name that
begins with ``part_``, sealed, flushed to the disk, and then renamed, which is one step for whoever looks. Before it is
deleted it is renamed back. So what has its own name was written whole, and what was changed since is found out.
One that is written again lies as ``replaced_...`` beside the new one, until that has its name.

    new_part(folder, name) -> files are written into it -> publish(part, content) -> read_manifest(folder / name)
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqlab.core.errors import RunFolderError

MANIFEST = "manifest.json"
PART = "part_"
REPLACED = "replaced_"


class DamagedError(RunFolderError):
    """A sealed folder is not what was sealed."""


def new_part(folder: Path, name: str) -> Path:
    """An empty folder to write ``name`` into; what killed processes left under such names is removed first."""
    recover(folder)
    for leftover in folder.glob(f"{PART}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    part = folder / f"{PART}{name}"
    part.mkdir(parents=True)
    return part


def publish(part: Path, content: dict[str, Any]) -> Path:
    """Seals a part with a manifest that also says ``content``, flushes it, and gives it its name.

    A folder that has the name already is replaced. Returns the new path.
    """
    sealed = {"content": content, "files": {_name(file, part): _sha256(file) for file in _files(part)}}
    text = json.dumps({**sealed, "sha256": _own_sha256(sealed)}, indent=1) + "\n"
    (part / MANIFEST).write_text(text, encoding="utf-8")
    for path in [*_files(part), *(path for path in part.rglob("*") if path.is_dir()), part]:
        _flush(path)
    path = part.with_name(part.name.removeprefix(PART))
    replaced = path.with_name(f"{REPLACED}{path.name}")
    if path.exists():
        os.replace(path, replaced)
    os.replace(part, path)
    _flush(path.parent)
    if replaced.exists():
        shutil.rmtree(replaced)
    return path


def recover(folder: Path) -> None:
    """Gives a folder its name again, where a process was killed after taking it and before naming the new one."""
    for replaced in folder.glob(f"{REPLACED}*"):
        path = replaced.with_name(replaced.name.removeprefix(REPLACED))
        if path.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            os.replace(replaced, path)


def delete(path: Path) -> None:
    """Deletes a sealed folder, which nobody sees in pieces under its name."""
    part = path.with_name(f"{PART}deleted_{path.name}")
    os.replace(path, part)
    shutil.rmtree(part)


def read_manifest(path: Path, *, below: str | None = "") -> dict[str, Any]:
    """What a sealed folder's manifest says, once it and the files are found to be those that were sealed.

    Args:
        path: the folder.
        below: of the files only those whose names begin so are looked at, by default all; for ``None`` there is no look
            at any.

    Raises:
        DamagedError: the manifest or a file was changed or is missing; the message names it.
    """
    where = path / MANIFEST
    if not where.is_file():
        raise DamagedError(f"{where}: expected a manifest, found none.")
    try:
        found = json.loads(where.read_text(encoding="utf-8"))
        sealed = {"content": found["content"], "files": found["files"]}
        own = found["sha256"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedError(f"{where}: expected a manifest in JSON, found something else ({error}).") from None
    if own != _own_sha256(sealed):
        raise DamagedError(f"{where}: its SHA-256 is not the one that it says; the file was changed.")
    for name, expected in sealed["files"].items():
        if below is None or not name.startswith(below):
            continue
        file = path / name
        if not file.is_file():
            raise DamagedError(f"{file}: expected a file, found none.")
        if (digest := _sha256(file)) != expected:
            raise DamagedError(
                f"{file}: expected SHA-256 {expected[:16]}..., found {digest[:16]}...; the file was changed."
            )
    return sealed["content"]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _own_sha256(sealed: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(sealed, sort_keys=True).encode()).hexdigest()


def _flush(path: Path) -> None:
    """Has the system write a file, or the names in a folder, to the disk before it answers."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
