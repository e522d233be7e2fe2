"""The gradient flow of a task's loss through every recurrent layer of its model.

A task is a tuple of functions with its model inside. Flax can intercept the calls of a model's modules while such a
function runs: each recurrent layer is asked for all its states, and zeros are added to what it hands on. The gradient
by those zeros is the direct one, through the layers above and the loss; ``state_gradients`` adds the paths through
time. Layers, engines and tasks know nothing of it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.linen.module import InterceptorContext

from seqlab.cells.base import Cell
from seqlab.core.array_types import Array, Bool, Carry, Float, Int, Key, Params
from seqlab.core.errors import unknown_name
from seqlab.core.masks import select
from seqlab.data.batch import Batch
from seqlab.diagnostics.gradient_flow import Flow, flow_of
from seqlab.diagnostics.state_gradients import exists, state_gradients
from seqlab.engines import Unrolled
from seqlab.layers.recurrent import Bidirectional, Recurrent
from seqlab.layers.stacked import Stacked
from seqlab.tasks.base import Hyper, Task

THROUGH = ("last", "all")
RECURRENT_MODULES = (Recurrent, Bidirectional, Stacked)


class TaskFlow(NamedTuple):
    """The gradient flow of a task's loss on one batch.

    Attributes:
        layers: for each recurrent layer, by its path in the params, norms of the gradient by its states.
        gradient_norm: global norm of the batch's gradient by the params, before clipping [].
        carry: the state after the batch.
    """

    layers: dict[str, Flow]
    gradient_norm: Float[Array, ""]
    carry: Carry


class _Layer(NamedTuple):
    """What a recurrent layer unrolled, and what came of it.

    Attributes:
        params: of its cell.
        inputs: what the cell read [B, T, F].
        unrolled: what it gave, with all carries.
        controls: lengths, mask, resets, initial_carry.
    """

    params: Params
    inputs: Float[Array, "B T *F"]
    unrolled: Unrolled
    controls: dict[str, Any]


def task_gradient_flow(
    task: Task, params: Params, carry: Carry, batch: Batch, key: Key, *, hyper: Hyper = Hyper(), through: str = "last"
) -> TaskFlow:
    """Norms of the gradient of a task's loss by every state of every recurrent layer, by distance.

    The loss is the sum over the batch and not its mean, so that each row's norms are those of its own sequence. The
    gradient reaches back to the first step of the batch's window, as in training.

    Args:
        task: the task.
        params: the params of its model, trained or not.
        carry: the state before the batch.
        batch: one batch.
        key: of what is random in the loss.
        hyper: numbers of the loss; without dropout and smoothing by default.
        through: ``last``: the part of the loss that comes through the last step's output of the (stacked) recurrent
            layers, in a language model the loss of the last token, so that distances mean what they say; ``all``: the
            whole loss, whose later terms are nearer to a state than its distance from the end.

    Raises:
        SeqlabError: for an unknown ``through``.
    """
    if through not in THROUGH:
        raise unknown_name("through", through, THROUGH)
    # Which cell, and whether backward in time; no arrays, so they are noted on the side.
    cells: dict[str, tuple[Cell, bool]] = {}

    def loss_and_layers(taps: Any) -> tuple[Array, dict[str, _Layer]]:
        taken = _Interceptor(cells, taps, through)
        with nn.intercept_methods(taken):
            loss = task.loss(params, carry, batch, key, hyper)
        return loss.total, taken.layers

    shapes = jax.eval_shape(lambda: loss_and_layers(None)[1])
    taps = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
        {name: layer.unrolled._replace(carries=None) for name, layer in shapes.items()},
    )
    d_taps, layers = jax.grad(loss_and_layers, has_aux=True)(taps)
    flows = {name: _layer_flow(*cells[name], layer, d_taps[name]) for name, layer in layers.items()}
    return TaskFlow(flows, *_training_gradient(task, params, carry, batch, key, hyper))


def _training_gradient(
    task: Task, params: Params, carry: Carry, batch: Batch, key: Key, hyper: Hyper
) -> tuple[Array, Carry]:
    """The norm of the gradient that a training step takes, and the state after the batch."""

    def mean_loss(params: Params) -> tuple[Array, Carry]:
        total, weight, after, _ = task.loss(params, carry, batch, key, hyper)
        return total / jnp.maximum(weight, 1.0), after

    gradient, after = jax.grad(mean_loss, has_aux=True)(params)
    return optax.tree.norm(gradient), after


def _layer_flow(cell: Cell, reverse: bool, layer: _Layer, d_unrolled: Unrolled) -> Flow:
    """Norms for one layer, from the direct gradient by what it handed on."""
    params, inputs, unrolled, controls = layer
    gradients = state_gradients(cell, params, inputs, unrolled, d_unrolled, reverse=reverse, **controls)
    return flow_of(gradients, _mask(inputs, controls))


class _Interceptor:
    """Notes what every recurrent layer unrolls, and adds its taps to what comes of it.

    Attributes:
        cells: (cell, reverse) by the layer's path.
        layers: the same for arrays.
    """

    def __init__(self, cells: dict[str, tuple[Cell, bool]], taps: dict[str, Unrolled] | None, through: str) -> None:
        self.cells: dict[str, tuple[Cell, bool]] = cells
        self.layers: dict[str, _Layer] = {}
        self._taps, self._through, self._depth = taps, through, 0

    def __call__(self, call: Callable[..., Any], args: Any, kwargs: Any, context: InterceptorContext) -> Any:
        """The result of a module's method, which ``call`` is."""
        module = context.module
        if isinstance(module, Recurrent) and context.method_name == "run":
            return self._run(module, call, *args, **kwargs)
        if context.method_name != "__call__" or not isinstance(module, RECURRENT_MODULES):
            return call(*args, **kwargs)
        self._depth += 1
        unrolled = call(*args, **kwargs)
        self._depth -= 1
        if self._through == "last" and self._depth == 0:
            return unrolled._replace(outputs=_hold_all_but_last(unrolled.outputs, _mask(args[0], kwargs)))
        return unrolled

    def _run(
        self, module: Recurrent, call: Callable[..., Any], cell: Cell, params: Params, inputs: Array, **controls: Any
    ) -> Unrolled:
        name = "/".join(module.path)
        while name in self.layers:
            name += "'"  # A layer that is called again.
        unrolled = call(cell, params, inputs, **controls, return_all_carries=True)
        self.cells[name] = cell, module.reverse
        self.layers[name] = _Layer(params, inputs, unrolled, controls)
        if self._taps is None:
            return unrolled
        outputs, carry, _ = jax.tree.map(jnp.add, unrolled._replace(carries=None), self._taps[name])
        return unrolled._replace(outputs=outputs, carry=carry)


def _mask(inputs: Array, controls: dict[str, Any]) -> Bool[Array, "B T"] | None:
    lengths: Int[Array, " B"] | None = controls.get("lengths")
    return exists(inputs.shape[1], lengths, controls.get("mask"))


def _hold_all_but_last(outputs: Float[Array, "B T *F"], mask: Bool[Array, "B T"] | None) -> Float[Array, "B T *F"]:
    """The same outputs, with no gradient but through each sequence's last step that exists."""
    if mask is None:
        mask = jnp.ones(outputs.shape[:2], bool)
    after = jnp.cumsum(mask[:, ::-1], axis=1, dtype=jnp.int32)[:, ::-1]
    return select(mask & (after == 1), outputs, jax.lax.stop_gradient(outputs))
