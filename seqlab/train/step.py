"""One step of training as a pure function, and several of them as one program.

    g = gradient of total / weight;  params <- params + optimizer(g)

Nothing here is jitted: the loop, a population or a diagnostic compiles it at its own edge.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from seqlab.core import keys
from seqlab.core.array_types import Array, Bool, Carry, Float, Params
from seqlab.core.trees import finite_leaves, floating_leaves
from seqlab.data.batch import Batch
from seqlab.metrics.accumulate import Metrics
from seqlab.tasks.base import Hyper, Task
from seqlab.train.state import TrainState


class StepInfo(NamedTuple):
    """What a step tells.

    Attributes:
        metrics: accumulators of the task over the batch.
        gradient_norm: global norm of the gradient before clipping [].
        finite: whether loss, gradient and the state after the step were finite; where not, nothing was applied [].
        finite_leaves: the same of each part, in the order of ``checked_leaves`` [N].
    """

    metrics: Metrics
    gradient_norm: Float[Array, "*S"]
    finite: Bool[Array, "*S"]
    finite_leaves: Bool[Array, "*S N"]


TrainStep = Callable[[TrainState, Batch], tuple[TrainState, StepInfo]]


def checked_leaves(state: TrainState) -> list[str]:
    """What a step looks at for numbers that are not finite, in words: the loss, the gradients, the state after it."""
    gradients = [f"gradient of {name}" for name in floating_leaves(state.params)]
    return ["loss", *gradients, *(f"{name} after the step" for name in floating_leaves(state))]


def make_train_step(
    task: Task,
    optimizer: optax.GradientTransformation,
    hyper: Hyper = Hyper(),
    *,
    max_skipped_steps: int | None = None,
) -> TrainStep:
    """The step (state, batch) -> (state, info).

    The carry enters as a constant, so the gradient reaches back to the beginning of the batch's window and no further:
    truncated back-propagation through time (Williams and Peng, 1990). A step whose loss, gradient or outcome (params,
    optimizer state, carry) is not finite changes nothing but the step's number, and is counted. Once there were more
    than ``max_skipped_steps`` of them, no further step changes anything, its number neither.
    """

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, StepInfo]:
        key = keys.at_step(state.key, state.step)

        def mean_loss(params: Params) -> tuple[Array, tuple[Carry, Metrics]]:
            total, weight, carry, metrics = task.loss(params, state.carry, batch, key, hyper)
            return total / jnp.maximum(weight, 1.0), (carry, metrics)

        (loss, (carry, metrics)), gradient = jax.value_and_grad(mean_loss, has_aux=True)(state.params)
        gradient_norm = optax.tree.norm(gradient)
        updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
        moved = state._replace(params=optax.apply_updates(state.params, updates), opt_state=opt_state, carry=carry)
        each_finite = finite_leaves((loss, gradient, moved))
        finite = each_finite.all()
        goes_on = jnp.array(True) if max_skipped_steps is None else state.num_skipped <= max_skipped_steps
        applied = jax.tree.map(lambda new, old: jnp.where(goes_on & finite, new, old), moved, state)
        after = applied._replace(
            step=state.step + goes_on.astype(jnp.int32),
            num_skipped=state.num_skipped + (goes_on & ~finite).astype(jnp.int32),
        )
        return after, StepInfo(metrics, gradient_norm, finite, each_finite)

    return train_step


def chunk_of(train_step: TrainStep) -> TrainStep:
    """Several steps as one: batches are stacked along a first axis [S, ...], and so is the info.

    A small model's step is shorter than what Python needs to start it; a chunk is started once.
    """

    def run_chunk(state: TrainState, batches: Batch) -> tuple[TrainState, StepInfo]:
        return jax.lax.scan(train_step, state, batches)

    return run_chunk
