"""How long competitors take, measured side by side in one process.

Whatever else a machine does slows whoever runs at that moment. So the competitors take turns, A B C A B C ..., after
they have compiled and warmed up, and each one's time is the median over its turns. What is compared are ratios of such
medians; over several shapes, their geometric mean, which gives the same verdict whichever side stands below.
"""

import math
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

# A turn makes as many calls as fill this time: a single short one would measure the clock and the caches.
TURN_SECONDS = 0.02
# The threads of OpenMP, which PyTorch runs on, spin for some milliseconds after their work, beside whoever is next.
REST_SECONDS = 0.02

OURS = "seqlab:"

Name = TypeVar("Name", bound=Hashable)


class Timing(NamedTuple):
    """What a call costs.

    Attributes:
        median: over the turns, in seconds.
        fastest: the fastest turn, in seconds.
    """

    median: float
    fastest: float


def interleave(competitors: Mapping[Name, Callable[[], object]], repeats: int) -> dict[Name, Timing]:
    """Times each competitor in ``repeats`` turns, one after the other in every round.

    Args:
        competitors: name -> a call that returns once its result is there.
        repeats: number of rounds.

    >>> sorted(interleave({"a": lambda: None, "b": lambda: sum(range(100))}, repeats=1))
    ['a', 'b']
    """
    calls = {name: _warm_up(run) for name, run in competitors.items()}
    turns: dict[Name, list[float]] = {name: [] for name in competitors}
    for _ in range(repeats):
        for name, run in competitors.items():
            time.sleep(REST_SECONDS)
            turns[name].append(_seconds_a_call(run, calls[name]))
    return {name: Timing(statistics.median(seconds), min(seconds)) for name, seconds in turns.items()}


def _warm_up(run: Callable[[], object]) -> int:
    """Compiles, warms up, and says how many calls make a turn."""
    run()
    run()
    return max(1, math.ceil(TURN_SECONDS / _seconds_a_call(run, 1)))


def _seconds_a_call(run: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - started) / calls


def ratios(seconds: Mapping[str, float]) -> dict[str, float]:
    """The time of each of ours over that of each peer; below 1 we are the faster one.

    >>> ratios({"seqlab:auto": 1.0, "seqlab:scan": 3.0, "flax": 2.0})
    {'seqlab:auto/flax': 0.5, 'seqlab:scan/flax': 1.5}
    """
    ours = [name for name in seconds if name.startswith(OURS)]
    peers = [name for name in seconds if not name.startswith(OURS)]
    return {f"{one}/{peer}": seconds[one] / seconds[peer] for one in ours for peer in peers}


def summarise(rows: Sequence[Mapping[str, Any]], by: Sequence[str]) -> list[dict[str, Any]]:
    """Geometric mean and largest of each ratio, over the rows that agree in the fields ``by``.

    >>> rows = [{"cell": "gru", "ratios": {"a/b": 0.5}}, {"cell": "gru", "ratios": {"a/b": 2.0}}]
    >>> summarise(rows, ["cell"])
    [{'cell': 'gru', 'rows': 2, 'geometric_mean': {'a/b': 1.0}, 'largest': {'a/b': 2.0}}]
    """
    groups: dict[tuple[Any, ...], list[dict[str, float]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[field] for field in by), []).append(row["ratios"])
    return [
        {
            **dict(zip(by, values, strict=True)),
            "rows": len(group),
            "geometric_mean": {key: statistics.geometric_mean([one[key] for one in group]) for key in group[0]},
            "largest": {key: max(one[key] for one in group) for key in group[0]},
        }
        for values, group in groups.items()
    ]
