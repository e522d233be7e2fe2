"""Cutting what comes in one piece into training, validation and test parts, by position."""

import math
from collections.abc import Sequence
from typing import Any

from seqlab.core.errors import SeqlabError


def split_by_position(rows: Sequence[Any], fractions: Sequence[float]) -> tuple[Any, Any, Any]:
    """The first part for training, the next for validation, the last for the test; each row is in exactly one of them.

    The cuts lie at ``int(n * cumulative fraction)``.

    Args:
        rows: a text (its rows are its characters), or a list.
        fractions: three shares, above zero, that sum to one.

    Raises:
        SeqlabError: fractions of another kind, or too few rows to put one in each part.

    >>> split_by_position("abcdefghij", (0.8, 0.1, 0.1))
    ('abcdefgh', 'i', 'j')
    """
    if len(fractions) != 3 or not all(share > 0 for share in fractions) or not abs(math.fsum(fractions) - 1) < 1e-9:
        raise SeqlabError(f"split fractions must be three numbers above 0 that sum to 1; got {tuple(fractions)}.")
    train, validation, _ = fractions
    # 0.7 + 0.1 falls just short of 0.8; rounding keeps that from moving a cut by one row.
    first, second = int(len(rows) * train), int(len(rows) * round(train + validation, 12))
    parts = rows[:first], rows[first:second], rows[second:]
    if not all(len(part) for part in parts):
        raise SeqlabError(
            f"{len(rows)} rows or characters are too few to split by {tuple(fractions)}: "
            f"training, validation and test got {', '.join(str(len(part)) for part in parts)}. Use a longer file."
        )
    return parts
