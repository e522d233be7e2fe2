"""What an engine is: one way to unroll a cell over time.

Engines work time-major and get everything resolved: params that fit, a first carry, a mask and resets or ``None``. What
``unroll`` promises beyond the recurrence itself (layout, zeros at padding, the meaning of ``reverse`` for resets) is
done once for all of them in ``select``; an engine only has to carry the state.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.base import Cell
from seqlab.core.array_types import Array, Bool, Carry, Float, Int, Key, Params
from seqlab.core.masks import select


class Unrolled(NamedTuple):
    """What unrolling gives.

    Attributes:
        outputs: the cell's output at each step [B, T, H] (time-major [T, B, H]); zeros at padding.
        carry: the state after each sequence's own last step.
        carries: the state after every step, each leaf [B, T, ...], still at padding; ``None`` unless asked for.
    """

    outputs: Array
    carry: Carry
    carries: Carry = None


class Controls(NamedTuple):
    """What happens at each step beside the cell.

    Attributes:
        mask: where a step exists [T, B], ``None`` where all do. Elsewhere the carry stands still.
        resets: before which steps the state starts afresh [T, B], ``None`` for none; void where a step does not exist.
        fresh: the state to start from, each leaf [B, ...].
        reverse: whether time runs backward.
        lengths: what ``mask`` stands for where padding is at the end of each row and nowhere else [B]; ``None`` where
            that is not known.
    """

    mask: Bool[Array, "T B"] | None
    resets: Bool[Array, "T B"] | None
    fresh: Carry
    reverse: bool
    lengths: Int[Array, " B"] | None = None


@runtime_checkable
class Engine(Protocol):
    """Unrolls a cell over time-major inputs."""

    def __call__(
        self,
        cell: "Unrollable",
        params: Params,
        inputs: Float[Array, "T B *F"],
        carry: Carry,
        controls: Controls,
        *,
        return_all_carries: bool,
    ) -> Unrolled:
        """Runs from ``carry`` over all steps, in the order and with the exceptions that ``controls`` gives."""
        ...


class FlaxCell(NamedTuple):
    """Any cell of Flax as one of ours: nothing of it can be computed before the loop, so ``project`` passes inputs on.

    Attributes:
        module: the Flax cell.
    """

    module: nn.RNNCellBase

    @property
    def num_feature_axes(self) -> int:
        """Axes of an input behind batch and time: those of space, where there are any, and the last one."""
        return self.module.num_feature_axes

    def init_params(self, key: Key, num_features: int) -> Params:
        """Draws the module's params for inputs of width ``num_features``."""
        # Params do not depend on the extent of space, where a cell has any (``nn.ConvLSTMCell``).
        inputs = jnp.zeros((*(1,) * self.num_feature_axes, num_features))
        return self.module.init(key, self.initialize_carry(key, inputs.shape), inputs)["params"]

    def initialize_carry(self, rng: Key, input_shape: tuple[int, ...]) -> Carry:
        """The module's own first carry."""
        return self.module.initialize_carry(rng, input_shape)

    def fresh_carry(self, params: Params, input_shape: tuple[int, ...]) -> Carry:
        """The state before the first step and after a reset: ``initialize_carry`` with a fixed key."""
        del params
        return self.initialize_carry(jax.random.key(0), input_shape)

    def project(self, params: Params, inputs: Float[Array, "..."]) -> Float[Array, "..."]:
        """The inputs, unchanged."""
        del params
        return inputs

    def step(self, params: Params, carry: Carry, projected: Float[Array, "..."]) -> tuple[Carry, Float[Array, "..."]]:
        """One application of the module."""
        return self.module.apply({"params": params}, carry, projected)  # pyright: ignore[reportReturnType]


Unrollable = Cell | FlaxCell


def controlled_step(
    cell: Unrollable,
    params: Params,
    fresh: Carry,
    carry: Carry,
    projected: Float[Array, "B *G"],
    mask: Bool[Array, " B"] | None,
    resets: Bool[Array, " B"] | None,
) -> tuple[Carry, Float[Array, "B *H"]]:
    """One step of the cell that starts afresh at resets and leaves the carry alone where no step exists."""
    before = carry if resets is None else select(resets, fresh, carry)
    after, output = cell.step(params, before, projected)
    return (after if mask is None else select(mask, after, carry)), output
