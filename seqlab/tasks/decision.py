"""What is chosen on the validation split after training, and kept in the run folder for predictions.

No gradient finds the threshold between two classes; it is tried out. A run that has not come to its end has no such
file, and its model is used without.
"""

import json
import sys
from pathlib import Path
from typing import Any

from seqlab.core.errors import DataError

DECISION_FILE = "decision.json"


def save_decision(folder: Path, name: str, value: float) -> None:
    """Writes one named number."""
    (folder / DECISION_FILE).write_text(json.dumps({name: value}) + "\n", encoding="utf-8")


def load_decision(folder: Path, name: str) -> float | None:
    """The number that `save_decision` wrote under this name; None where there is no file.

    Raises:
        DataError: the file holds something else.
    """
    path = folder / DECISION_FILE
    if not path.exists():
        return None
    try:
        content: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a number named {name} in JSON; {error}.") from error
    value: Any = content.get(name) if isinstance(content, dict) else None
    # Python's integers may be too large for a float.
    if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
        raise DataError(f'{path}: expected {{"{name}": a number}}, as the run wrote it; found something else.')
    return float(value)
