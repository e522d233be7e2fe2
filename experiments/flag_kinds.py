"""Flags whose values are checked as they are parsed: finite numbers within bounds, integers, names of a table.

absl takes ``nan`` for a number, and tells a wrong name without the nearest right one. A flag defined here does not, and
its help shows what it takes. It belongs to the module that calls the function. No flag of ours has the value None,
because a flag file cannot say None: use "" or 0 and say so in the help.
"""

import math
from collections.abc import Sequence

from absl import flags

from seqlab.core.errors import unknown_name

# absl files a flag under the module that defines it: not under this one, but under its caller.
flags.disclaim_key_flags()


def _within(noun: str, low: float | None, high: float | None) -> str:
    """The bounds in words: they stand in the help and in the error."""
    if low is not None and high is not None:
        return f"{noun} in [{low}, {high}]"
    if low is not None:
        return f"{noun} >= {low}"
    return noun if high is None else f"{noun} <= {high}"


class _FloatParser(flags.FloatParser):
    """absl's parser, without nan and infinities."""

    def __init__(self, low: float | None, high: float | None):
        super().__init__(low, high)
        self.syntactic_help = _within("a finite number", low, high)

    def parse(self, argument: str | float) -> float:
        try:
            value = self.convert(argument)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or self.is_outside_bounds(value):
            raise ValueError(f"expected {self.syntactic_help}; got {argument!r}")
        return value


class _IntegerParser(flags.IntegerParser):
    """absl's parser, with a message in plain words."""

    def __init__(self, low: int | None, high: int | None):
        super().__init__(low, high)
        self.syntactic_help = _within("an integer", low, high)

    def parse(self, argument: str | int) -> int:
        try:
            value = self.convert(argument)
        except ValueError:
            value = None
        if value is None or self.is_outside_bounds(value):
            raise ValueError(f"expected {self.syntactic_help}; got {argument!r}")
        return value


class _EnumParser(flags.EnumParser):
    """absl's parser, which suggests the nearest name."""

    def __init__(self, kind: str, known: Sequence[str]):
        super().__init__(known)
        self.kind = kind

    def parse(self, argument: str) -> str:
        if argument not in self.enum_values:
            raise unknown_name(self.kind, argument, self.enum_values)
        return argument


def define_float(
    name: str,
    default: float,
    help: str,  # noqa: A002
    low: float | None = None,
    high: float | None = None,
    *,
    flag_values: flags.FlagValues = flags.FLAGS,
) -> flags.FlagHolder[float]:
    """Defines a flag whose value is a finite number in [low, high]; the help shows the bounds.

    >>> values = flags.FlagValues()
    >>> rate = define_float("rate", 0.1, "Share of units dropped.", 0.0, 1.0, flag_values=values)
    >>> _ = values(["run", "--rate=1.5"])
    Traceback (most recent call last):
    absl.flags._exceptions.IllegalFlagValueError: flag --rate=1.5: expected a finite number in [0.0, 1.0]; got '1.5'
    """
    serializer = flags.ArgumentSerializer()
    return flags.DEFINE(_FloatParser(low, high), name, default, help, flag_values, serializer)


def define_integer(
    name: str,
    default: int,
    help: str,  # noqa: A002
    low: int | None = None,
    high: int | None = None,
    *,
    flag_values: flags.FlagValues = flags.FLAGS,
) -> flags.FlagHolder[int]:
    """Defines a flag whose value is an integer in [low, high]; the help shows the bounds."""
    serializer = flags.ArgumentSerializer()
    return flags.DEFINE(_IntegerParser(low, high), name, default, help, flag_values, serializer)


def define_enum(
    name: str,
    default: str,
    known: Sequence[str],
    help: str,  # noqa: A002
    *,
    flag_values: flags.FlagValues = flags.FLAGS,
) -> flags.FlagHolder[str]:
    """Defines a flag whose value is one of the ``known`` names; the error for another suggests the nearest."""
    flag = flags.EnumFlag(name, default, help, known)
    flag.parser = _EnumParser(f"--{name}", known)
    return flags.DEFINE_flag(flag, flag_values)
