"""The folder of a run: whose it is, what made it, and how it is read again.

    flags.txt  provenance.json  metrics.jsonl  summary.json  checkpoints/  plots/  predictions/  tensorboard/

A run writes nothing outside its folder, and no file in it holds the folder's own path, so it can be moved. The flags
of the run are its identity: a folder is gone on with by the very same flags, and by no others.
"""

import copy
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from absl import flags

from experiments import command_line, flag_definitions, run_lock
from experiments.flags_text import flags_text, write_flags
from seqlab.core.errors import RunFolderError
from seqlab.core.strict_json import to_json

flags.DEFINE_string("run_dir", "", "Folder of the run; by default a new one, runs/<name of the flag file>-<time>.")

IDENTITY = [flag_definitions.__name__]
# Where data lie is no part of what an experiment is, nor is what happens where it would have stopped.
MAY_DIFFER = {"data_dir", "max_skipped_steps", "debug_nans"}
# A run that is killed at its first moment leaves no more than these.
BEFORE_FLAGS = {run_lock.NAME, "flags.txt.part"}


def resolve(run_dir: str, argv: list[str]) -> Path:
    """The folder that ``--run_dir`` names, or a new name under runs/ for the flag file and the time."""
    if run_dir:
        return Path(run_dir).expanduser()
    arguments = ((*argument.partition("="), after) for argument, after in pairwise([*argv, ""]))
    files = [name or after for flag, _, name, after in arguments if flag in ("--flagfile", "-flagfile")]
    stem = Path(files[0]).stem if files else "run"
    base = Path("runs") / f"{stem}-{time.strftime('%Y-%m-%d-%H%M%S')}"
    path, number = base, 2
    while path.exists():
        path, number = base.with_name(f"{base.name}-{number}"), number + 1
    return path


def check(folder: Path, values: flags.FlagValues) -> None:
    """Makes sure that a folder is new, empty, or this very experiment's.

    Raises:
        RunFolderError: the folder holds something else; nothing in it is changed.
    """
    if not folder.exists():
        _check_can_be_made(folder)
        return
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= BEFORE_FLAGS:
        return
    if not (folder / "flags.txt").is_file():
        what = "a folder of something else (it has no flags.txt)" if folder.is_dir() else "no folder"
        raise RunFolderError(f"--run_dir={folder} is {what}; nothing was changed. Name a new folder.")
    there, here = _as_text(read_values(folder)), _as_text(values)
    names = [name for name in here if name not in MAY_DIFFER and here[name] != there[name]]
    if names:
        differences = ", ".join(f"--{name}={there[name]} there, {here[name]} here" for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise RunFolderError(
            f"--run_dir={folder} holds another experiment: {differences}{more}; nothing was changed.\n"
            "Name another folder, or go on with that run by its own --flagfile="
            f"{folder / 'flags.txt'} --run_dir={folder}."
        )


def claim(folder: Path, values: flags.FlagValues) -> None:
    """Makes the folder and writes flags.txt, where it is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "flags.txt").exists():
        part = folder / "flags.txt.part"
        write_flags(part, values, IDENTITY)
        part.replace(folder / "flags.txt")


def config_hash(values: flags.FlagValues) -> str:
    """A hash of the flags that are not at their defaults, so that a flag that is added later changes no hash."""
    defined = [flag for module in IDENTITY for flag in values.get_flags_for_module(module)]
    given = {
        flag.name: str(flag.value) for flag in defined if flag.value != flag.default and flag.name not in MAY_DIFFER
    }
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def read_values(folder: Path) -> flags.FlagValues:
    """The flags of a run, parsed.

    Raises:
        RunFolderError: where there is no run.
    """
    if not (folder / "flags.txt").is_file():
        raise RunFolderError(f"--run_dir={folder}: expected the folder of a run, found no flags.txt in it.")
    return parsed([f"--flagfile={folder / 'flags.txt'}"])


def parsed(arguments: Sequence[str]) -> flags.FlagValues:
    """The flags of an experiment from arguments of their own, with the defaults for the others."""
    values = copy.deepcopy(flags.FLAGS)
    values.unparse_flags()
    for flag in values.get_flags_for_module(IDENTITY[0]):
        flag.unparse()
    command_line.parse(["run", *arguments], values)
    return values


def write_json(path: Path, content: Any) -> None:
    """Writes JSON, whole or not at all; see ``to_json``."""
    part = path.with_name(path.name + ".part")
    part.write_text(to_json(content, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def read_json(path: Path, default: Any) -> Any:
    """The JSON of a file, or ``default`` where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default


def write_provenance(path: Path, seed: int, checksums: dict[str, str]) -> None:
    """Adds this launch to the list of launches: versions, device, commit, command, seed, data."""
    import jax

    device = jax.devices()[0]
    launch = {
        "command": ["python", "-m", f"experiments.{Path(sys.argv[0]).stem}", *sys.argv[1:]],
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seed": seed,
        "git": _git_state(),
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": platform.platform(),
        "device": {"platform": device.platform, "kind": device.device_kind, "count": jax.device_count()},
        "cpu_threads": _num_threads(),
        "data_sha256": checksums,
    }
    write_json(path, {"launches": [*read_json(path, {"launches": []})["launches"], launch]})


def _as_text(values: flags.FlagValues) -> dict[str, str]:
    """Every flag of a run, as it would be written; a flag that a run's flags.txt has not has its default."""
    lines = flags_text(values, IDENTITY).removesuffix("\n").split("\n")
    return {name.removeprefix("--"): value for name, _, value in (line.partition("=") for line in lines)}


def _check_can_be_made(folder: Path) -> None:
    parent = next(path for path in folder.absolute().parents if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        what = "which cannot be written to" if parent.is_dir() else "which is no folder"
        raise RunFolderError(f"--run_dir={folder}: cannot be made in {parent}, {what}. Name another folder.")


def _num_threads() -> int:
    """How many processors this process may use, which is how many threads XLA starts; with one, bits are repeated."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    import seqlab

    libraries = ["jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy"]
    return {"seqlab": seqlab.__version__, **{name: version(name) for name in libraries}}


def _git_state() -> dict[str, Any]:
    """The commit of the code, and whether the tree had changes; empty outside a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {}
