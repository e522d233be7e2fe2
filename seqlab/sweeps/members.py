"""The members of a population: models that differ in numbers which can be traced, and in their seeds.

A number that all members share stays a plain number, as in a single run, and the compiler may use its value; one in
which they differ becomes an array [M], of which ``vmap`` hands each member its own. Names, booleans and what is
``None`` choose the program, and so all members must agree in them.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

import jax
import numpy as np

from seqlab.core.array_types import Key, Params, Scalar
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.optim import OptimizerConfig
from seqlab.optim.masks import is_kernel
from seqlab.tasks.base import Hyper, Task


class Member(NamedTuple):
    """One model: what it has of its own.

    Attributes:
        task: its training batches are the member's own. Members that share the object share the batches; its functions
            must be the same for all members.
        seed: of params and dropout. The order of the data is the task's.
        optimizer: the optimizer and its schedule.
        hyper: numbers of the loss.
        initial_scale: what the kernels are multiplied by before training.
    """

    task: Task
    seed: int = 0
    optimizer: OptimizerConfig = OptimizerConfig()
    hyper: Hyper = Hyper()
    initial_scale: Scalar = 1.0


def scaled_init(task: Task, scale: Scalar) -> Task:
    """The task, its kernels multiplied by ``scale`` before training: W_0 <- scale * W_0."""

    def init(key: Key) -> Params:
        params = task.init(key)
        return jax.tree_util.tree_map_with_path(lambda path, leaf: leaf * scale if is_kernel(path) else leaf, params)

    return task if isinstance(scale, int | float) and scale == 1 else task._replace(init=init)


def numbers_of(member: Member) -> dict[str, Scalar]:
    """Every number that may differ from member to member, by its name.

    >>> numbers_of(Member(task=None))["optimizer.learning_rate"]
    0.001
    """
    return {name: value for name, value in _values(member) if _is_number(value)}


def program_of(member: Member) -> tuple[Hashable, ...]:
    """What chooses the program: names, booleans, and which numbers are ``None``; equal for all members."""
    return tuple((name, "a number" if _is_number(value) else value) for name, value in _values(member))


def with_numbers(member: Member, numbers: Mapping[str, Any]) -> Member:
    """The member with other numbers.

    >>> with_numbers(Member(task=None), {"schedule.decay": 0.5}).optimizer.schedule.decay
    0.5
    """
    of: dict[str, dict[str, Any]] = {"optimizer": {}, "schedule": {}, "hyper": {}, "": {}}
    for name, value in numbers.items():
        part, _, field = name.rpartition(".")
        of[part][field] = value
    schedule = replace(member.optimizer.schedule, **of["schedule"])
    optimizer = replace(member.optimizer, **of["optimizer"], schedule=schedule)
    return member._replace(optimizer=optimizer, hyper=member.hyper._replace(**of["hyper"]), **of[""])


def varied(members: Sequence[Member], traced: Collection[str] = ()) -> list[str]:
    """The names of the numbers in which members differ, and of those in ``traced``.

    Raises:
        SeqlabError: no members, members of several programs, or a name in ``traced`` that is none of their numbers.
    """
    if not members:
        raise SeqlabError("a population needs at least one member; got none.")
    for index, member in enumerate(members):
        for (name, of_first), (_, of_member) in zip(_values(members[0]), _values(member), strict=True):
            if of_first != of_member and not (_is_number(of_first) and _is_number(of_member)):
                raise SeqlabError(
                    f"members of a population must agree in what {name} switches; got {of_first!r} of member 0 and "
                    f"{of_member!r} of member {index}. Train them in populations of their own."
                )
    numbers = [numbers_of(member) for member in members]
    for name in traced:
        if name not in numbers[0]:
            raise unknown_name("number of a member", name, numbers[0])
    return [name for name in numbers[0] if name in traced or len({float(of[name]) for of in numbers}) > 1]


def stack_numbers(members: Sequence[Member], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Each of the named numbers as an array [M]."""
    return {name: np.array([numbers_of(member)[name] for member in members], np.float32) for name in names}


def _values(member: Member) -> Iterator[tuple[str, Any]]:
    for field in fields(member.optimizer):
        if field.name != "schedule":
            yield f"optimizer.{field.name}", getattr(member.optimizer, field.name)
    for field in fields(member.optimizer.schedule):
        yield f"schedule.{field.name}", getattr(member.optimizer.schedule, field.name)
    for name, value in member.hyper._asdict().items():
        yield f"hyper.{name}", value
    yield "initial_scale", member.initial_scale


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number | jax.Array) and not isinstance(value, bool)
