"""Everything that training changes, in one tuple: what is saved is what goes on."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from seqlab.core import keys
from seqlab.core.array_types import Array, Carry, Int, Key, Params
from seqlab.tasks.base import Task


class TrainState(NamedTuple):
    """The state of a training run.

    Attributes:
        step: number of steps taken [].
        params: the model's params.
        opt_state: the optimizer's state.
        carry: the recurrent state that the next batch goes on from.
        key: the run's one key; a step's key is folded from it and the step.
        num_skipped: number of steps that were not applied, as something in them was not finite [].
    """

    step: Int[Array, ""]
    params: Params
    opt_state: Any
    carry: Carry
    key: Key
    num_skipped: Int[Array, ""]


def initial_state(task: Task, optimizer: optax.GradientTransformation, seed: int | Array) -> TrainState:
    """The state before the first step: a pure function of the seed, which may be traced."""
    key = jax.random.key(seed)
    params = task.init(keys.for_purpose(key, "params"))
    return TrainState(
        step=jnp.array(0, jnp.int32),
        params=params,
        opt_state=optimizer.init(params),
        # A copy of each leaf: parts of a first carry may share a buffer, and a buffer can be donated only once.
        carry=jax.tree.map(jnp.array, task.initial_carry(task.batch_sizes["train"])),
        key=keys.for_purpose(key, "train"),
        num_skipped=jnp.array(0, jnp.int32),
    )
