"""Run folders read back: what was asked for, and what came out.

    flags.txt -> settings          summary.json -> status and scores

Runs that differ in nothing but their seed are repetitions of one experiment; ``group_runs`` puts them together.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqlab.core.errors import RunFolderError

# Flags that say where or with which luck a run was made, not what it is.
NOT_SETTINGS = {"seed", "data_dir"}


class RunRecord(NamedTuple):
    """A run that has ended.

    Attributes:
        folder: where it is.
        settings: its flags, as written.
        summary: its summary.json.
    """

    folder: Path
    settings: dict[str, str]
    summary: dict[str, Any]

    @property
    def is_complete(self) -> bool:
        """Whether it was trained to its end and scored on the test split."""
        return self.summary.get("status") == "complete"


class Group(NamedTuple):
    """Runs with the same settings.

    Attributes:
        label: the settings in which the groups differ, ``cell=gru hidden_size=64``; "" where they differ in none.
        runs: its runs, ordered by folder.
    """

    label: str
    runs: list[RunRecord]


def read_run(folder: Path) -> RunRecord:
    """The record of one run.

    Raises:
        RunFolderError: there is no flags.txt or no summary.json, or one of them cannot be read.
    """
    for name in ("flags.txt", "summary.json"):
        if not (folder / name).is_file():
            raise RunFolderError(f"{folder}: expected the folder of a run that has ended, found no {name} in it.")
    lines = (folder / "flags.txt").read_text(encoding="utf-8").splitlines()
    parts = (line.removeprefix("--").partition("=") for line in lines if line.startswith("--"))
    settings = {name: value for name, _, value in parts}
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunFolderError(f"{folder / 'summary.json'}: expected JSON; {error}.") from error
    if not isinstance(summary, dict):
        raise RunFolderError(f"{folder / 'summary.json'}: expected an object; got {type(summary).__name__}.")
    return RunRecord(folder, settings, summary)


def read_runs(folders: Iterable[Path | str]) -> list[RunRecord]:
    """The records of these folders; one that holds runs, and is none, stands for the runs right below it.

    Raises:
        RunFolderError: a folder that neither is a run nor holds one.
    """
    found: dict[Path, None] = {}
    for folder in map(Path, folders):
        below = sorted(path.parent for path in folder.glob("*/flags.txt"))
        found |= dict.fromkeys([folder] if (folder / "flags.txt").is_file() or not below else below)
    return [read_run(folder) for folder in found]


def group_runs(runs: Sequence[RunRecord]) -> list[Group]:
    """The runs by their settings, in the order of the first of each."""
    names = [name for run in runs for name in run.settings if name not in NOT_SETTINGS]
    different = [name for name in dict.fromkeys(names) if len({run.settings.get(name) for run in runs}) > 1]
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        label = " ".join(f"{name}={run.settings.get(name, '')}" for name in different)
        groups.setdefault(label, []).append(run)
    return [Group(label, sorted(members, key=lambda run: str(run.folder))) for label, members in groups.items()]
