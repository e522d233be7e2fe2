"""The problems of generated sequences by name."""

from collections.abc import Callable

from seqlab.core.errors import unknown_name
from seqlab.tasks import adding, agreement, copy_memory, temporal_order
from seqlab.tasks.whole_sequences import Problem, SequenceConfig

PROBLEMS: dict[str, Callable[[SequenceConfig], Problem]] = {
    "adding": adding.make_problem,
    "agreement": agreement.make_problem,
    "copy_memory": copy_memory.make_problem,
    "temporal_order": temporal_order.make_problem,
}


def make_problem(name: str, config: SequenceConfig) -> Problem:
    """The problem of that name."""
    if name not in PROBLEMS:
        raise unknown_name("problem", name, PROBLEMS)
    return PROBLEMS[name](config)
