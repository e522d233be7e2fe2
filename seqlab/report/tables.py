"""Tables of runs: for each group of repetitions how many there are, and the mean and spread of a score."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from seqlab.report.records import Group
from seqlab.report.statistics import Spread, spread


class ScoreRow(NamedTuple):
    """A line of a table.

    Attributes:
        label: the group's settings.
        score: the name of the score.
        spread: of the group's complete runs that have the score.
    """

    label: str
    score: str
    spread: Spread


def score_rows(groups: Sequence[Group], split: str = "test") -> list[ScoreRow]:
    """Every score of every group on a split, complete runs alone, score by score."""
    values: dict[str, dict[str, list[float]]] = {}
    for group in groups:
        for run in group.runs:
            for score, value in run.summary.get(split, {}).items() if run.is_complete else ():
                if value is not None:  # A number that is not finite, which a file says as null.
                    values.setdefault(score, {}).setdefault(group.label, []).append(value)
    return [
        ScoreRow(label, score, spread(numbers))
        for score, by_label in values.items()
        for label, numbers in by_label.items()
    ]


def aligned(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns as text: the first to the left, numbers to the right with four significant digits, nan as ``-``.

    >>> print(aligned(["cell", "mean"], [["lstm", 0.51234], ["gru", float("nan")]]))
    cell    mean
    lstm  0.5123
    gru        -
    """
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = (
        "  ".join(
            [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return str(value)
