"""What a sweep varies: for each name a list or a range of values, and where it is varied at all.

    cell=vanilla,gru,lstm                          a list
    dropout_rate=lin:0:0.5                         evenly from 0 to 0.5; lin:0:0.5:6 are six points of it
    learning_rate=log:1e-4:1e-1                    evenly in the logarithm; with :4 behind it 1e-4, 1e-3, 1e-2, 1e-1
    num_layers=int:1:3                             the integers 1, 2 and 3
    dropout_rate=lin:0:0.5@num_layers=int:2:3      a condition: varied where num_layers is 2 or 3, left alone elsewhere
    dropout_rate=lin:0:0.5@num_layers=2,3@cell=lstm     both have to hold

No letter of it means anything to a shell. What follows ``@name=`` is a list or a range like any other, and the name has
to be varied before. A condition on a name that is itself left alone does not hold.

Values are texts, as they stand behind a flag; what they mean is the flag's affair.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from seqlab.core.errors import SeqlabError

# The points of a lin: or log: range in a grid, where it does not say how many.
DEFAULT_POINTS = 5
Number = TypeVar("Number", int, float)
_CONDITION = re.compile(r"@([A-Za-z_]\w*)=")

# One value for each name that is varied; a name whose condition does not hold is not in it.
Settings: TypeAlias = dict[str, str]


@dataclass(frozen=True)
class Choices:
    """One of a list.

    Attributes:
        values: the list, each value once.
    """

    values: tuple[str, ...]


@dataclass(frozen=True)
class Real:
    """A number in [low, high].

    Attributes:
        low: the least value.
        high: the largest value.
        logarithmic: whether values are spread evenly in their logarithm.
        num_points: how many evenly spread values there are; 0 for all numbers between.
    """

    low: float
    high: float
    logarithmic: bool = False
    num_points: int = 0


@dataclass(frozen=True)
class Integers:
    """An integer in [low, high].

    Attributes:
        low: the least value.
        high: the largest value.
    """

    low: int
    high: int


Values: TypeAlias = Choices | Real | Integers


@dataclass(frozen=True)
class Dimension:
    """One name that is varied.

    Attributes:
        name: the flag.
        values: what it may be.
        conditions: names varied before, each with the values at which this one is varied.
    """

    name: str
    values: Values
    conditions: tuple[tuple[str, Values], ...] = ()

    def is_active(self, settings: Mapping[str, str]) -> bool:
        """Whether the conditions hold, given the values of the names before."""
        return all(name in settings and contains(values, settings[name]) for name, values in self.conditions)


Space: TypeAlias = tuple[Dimension, ...]


def parse_space(texts: Iterable[str]) -> Space:
    """The dimensions that these texts declare; of a name given twice the last text holds, in the place of the first.

    >>> [dimension.name for dimension in parse_space(["cell=gru,lstm", "hidden_size=int:8:16", "cell=gru"])]
    ['cell', 'hidden_size']

    Raises:
        SeqlabError: a text is no declaration, a range is empty or has no logarithm, or a condition can never hold.
    """
    found = {dimension.name: dimension for dimension in map(parse_dimension, texts)}
    before: dict[str, Values] = {}
    for dimension in found.values():
        for name, values in dimension.conditions:
            where = f"--vary={dimension.name}=...@{name}={text_of(values)}"
            if name not in before:
                known = f"varied before it: {', '.join(before)}" if before else "nothing is varied before it"
                raise SeqlabError(f"{where}: a condition on {name}, which is not varied; {known}.")
            if not _may_be(before[name], values):
                raise SeqlabError(
                    f"{where}: this condition never holds, as {name} is varied over {text_of(before[name])}."
                )
        before[dimension.name] = dimension.values
    return tuple(found.values())


def parse_dimension(text: str) -> Dimension:
    """One declaration, ``name=values`` or ``name=values@name=values``; see the head of this file.

    >>> parse_dimension("num_layers=int:1:3")
    Dimension(name='num_layers', values=Integers(low=1, high=3), conditions=())

    Raises:
        SeqlabError: it is none.
    """
    declared, *rest = _CONDITION.split(text)
    name, equals, values = declared.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise SeqlabError(
            f"--vary={text}: expected NAME=VALUES, such as cell=gru,lstm or learning_rate=log:1e-4:1e-1; got {text!r}."
        )
    where = f"--vary={text}"
    conditions = [(other, _parse_values(given, where)) for other, given in zip(rest[::2], rest[1::2], strict=True)]
    return Dimension(name, _parse_values(values, where), tuple(conditions))


def _parse_values(text: str, where: str) -> Values:
    kind, *parts = text.split(":")
    if kind in ("lin", "log") and parts:
        return _parse_real(kind, parts, where)
    if kind == "int" and parts:
        if len(parts) != 2:
            raise SeqlabError(f"{where}: expected int:LOW:HIGH; got {text!r}.")
        low, high = (_number(part, int, where) for part in parts)
        _check_order(low, high, text, where)
        return Integers(low, high)
    values = tuple(text.split(","))
    if not all(values):
        raise SeqlabError(f"{where}: expected values with commas between them; got {text!r}, where one is empty.")
    if len(set(values)) < len(values):
        raise SeqlabError(f"{where}: expected each value once; got {text!r}.")
    return Choices(values)


def _parse_real(kind: str, parts: Sequence[str], where: str) -> Real:
    text = ":".join([kind, *parts])
    if len(parts) not in (2, 3):
        raise SeqlabError(f"{where}: expected {kind}:LOW:HIGH or {kind}:LOW:HIGH:POINTS; got {text!r}.")
    low, high = (_number(part, float, where) for part in parts[:2])
    _check_order(low, high, text, where)
    if kind == "log" and low <= 0:
        raise SeqlabError(f"{where}: expected a range above 0, as 0 has no logarithm; got {text!r}. Raise its low end.")
    num_points = _number(parts[2], int, where) if len(parts) == 3 else 0
    if len(parts) == 3 and num_points < 2:
        raise SeqlabError(f"{where}: expected at least 2 points; got {text!r}.")
    return Real(low, high, kind == "log", num_points)


def _number(text: str, kind: Callable[[str], Number], where: str) -> Number:
    try:
        number = kind(text)
    except ValueError:
        number = None
    if number is None or not math.isfinite(number):
        raise SeqlabError(f"{where}: expected {'an integer' if kind is int else 'a finite number'}; got {text!r}.")
    return number


def _check_order(low: float | int, high: float | int, text: str, where: str) -> None:
    if not low < high:
        raise SeqlabError(f"{where}: the range {text!r} is empty: expected its low end below its high end.")


def text_of(values: Values) -> str:
    """How these values are declared.

    >>> text_of(Real(1e-4, 0.1, logarithmic=True))
    'log:0.0001:0.1'
    """
    if isinstance(values, Choices):
        return ",".join(values.values)
    if isinstance(values, Integers):
        return f"int:{values.low}:{values.high}"
    points = f":{values.num_points}" if values.num_points else ""
    return f"{'log' if values.logarithmic else 'lin'}:{values.low!r}:{values.high!r}{points}"


def number_text(number: float) -> str:
    """A number of a range as a value, with six digits.

    >>> number_text(0.1 + 0.2)
    '0.3'
    """
    return repr(float(f"{number:.6g}"))


def at(values: Real, share: float) -> str:
    """The value at a share in [0, 1] of the way from low to high, in the logarithm where that is how it is spread."""
    if values.logarithmic:
        number = math.exp((1 - share) * math.log(values.low) + share * math.log(values.high))
    else:
        number = (1 - share) * values.low + share * values.high
    return number_text(min(max(number, values.low), values.high))


def points(values: Values) -> tuple[str, ...]:
    """All values of a list or of integers; of a range as many as it says, or five.

    >>> points(Real(1e-4, 0.1, logarithmic=True, num_points=4))
    ('0.0001', '0.001', '0.01', '0.1')
    """
    if isinstance(values, Choices):
        return values.values
    if isinstance(values, Integers):
        return tuple(str(number) for number in range(values.low, values.high + 1))
    return tuple(at(values, place / (count(values) - 1)) for place in range(count(values)))


def count(values: Values) -> int:
    """How many points these values have."""
    if isinstance(values, Integers):
        return values.high - values.low + 1
    return len(values.values) if isinstance(values, Choices) else values.num_points or DEFAULT_POINTS


def contains(values: Values, text: str) -> bool:
    """Whether a value is one of these; of a range every number between its ends is."""
    if isinstance(values, Choices):
        return text in values.values or any(_as_number(text) == _as_number(value) for value in values.values)
    number = _as_number(text)
    if isinstance(values, Integers):
        return number in range(values.low, values.high + 1)
    return values.low <= number <= values.high


def _as_number(text: str) -> float:
    """The number, so that 0.10 is 0.1; nan, which equals nothing, for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _may_be(values: Values, wanted: Values) -> bool:
    """Whether some value is among the wanted ones."""
    if isinstance(values, Choices):
        return any(contains(wanted, text) for text in values.values)
    if isinstance(wanted, Choices):
        return any(contains(values, text) for text in wanted.values)
    return max(values.low, wanted.low) <= min(values.high, wanted.high)
