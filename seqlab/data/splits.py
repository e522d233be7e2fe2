"""Data in three parts, and cutting what comes in one piece into them, by position or in an order of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from seqlab.core.errors import SeqlabError

Part = TypeVar("Part")
PARTS = ("train", "validation", "test")
HELD_OUT = PARTS[1:]


@dataclass(frozen=True)
class DataSplits(Generic[Part]):
    """A data set in three parts: a text, a series, or a list of rows each.

    Attributes:
        train: what the model, vocabularies and scaling are made from.
        validation: what choices are made on.
        test: read by the final evaluation alone.
        checksums: file name -> sha256 of its bytes; of generated data, of their content.
        description: what they are.
        licence: under which terms they are given.
        tokenized: of text, whether blanks part the words from punctuation already, so that scores must not do it again.
    """

    train: Part
    validation: Part
    test: Part
    checksums: dict[str, str]
    description: str
    licence: str
    tokenized: bool = False

    @property
    def parts(self) -> tuple[Part, Part, Part]:
        """The training, the validation and the test part."""
        return self.train, self.validation, self.test


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
    # 0.7 + 0.1 falls just short of 0.8, and 90 times 0.7 short of 63; rounding keeps that from moving a cut by one row.
    first, second = (int(round(len(rows) * share, 9)) for share in (train, train + validation))
    parts = rows[:first], rows[first:second], rows[second:]
    if not all(len(part) for part in parts):
        raise SeqlabError(
            f"{len(rows)} rows or characters are too few to split by {tuple(fractions)}: "
            f"training, validation and test got {', '.join(str(len(part)) for part in parts)}. Use a longer file."
        )
    return parts


def split_shuffled(rows: Sequence[Any], fractions: Sequence[float]) -> tuple[Any, Any, Any]:
    """`split_by_position` of rows that are shuffled first, always alike: files of rows are often sorted."""
    order = np.random.default_rng(0).permutation(len(rows)).tolist()
    return split_by_position([rows[index] for index in order], fractions)
