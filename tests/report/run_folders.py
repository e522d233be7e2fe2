"""Folders that look like those of runs."""

import json
from pathlib import Path
from typing import Any


def write_run(folder: Path, test: dict[str, Any] | None = None, status: str = "complete", **settings: str) -> Path:
    """Writes the flags and the summary of a run; each score of ``test`` is that of the validation split, too."""
    folder.mkdir(parents=True)
    flags = {"task": "agreement", "seed": "0", **settings}
    (folder / "flags.txt").write_text("".join(f"--{name}={value}\n" for name, value in flags.items()))
    summary: dict[str, Any] = {"status": status}
    if status == "complete":
        summary |= {"validation": test, "test": test, "baselines": {"chance": {"validation": test, "test": test}}}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder
