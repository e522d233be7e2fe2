"""What a cell is: one step of a recurrence, as pure functions of explicit params and as a Flax module over the same.

The step is split where the recurrence begins. ``project`` is all that can be done before the previous state is known,
one matrix product for every time step at once; ``step`` is the rest. Engines live from this split, and from a second
one inside the step: the product of the hidden state with the recurrent kernel, and ``combine``, which has no product.

    project: inputs [..., F] -> projected [..., G]
    step:    carry, projected [B, G] -> carry, output [B, H]
             = combine(carry, projected, recurrent_input(params, carry) @ recurrent_kernel)

Where all gates of a cell are functions of the sum of the two products, ``combine`` is ``squash`` and then ``merge``.

Nothing is drawn inside a step. What is random in training is drawn before, and comes in as data: dropped weights and a
``state_mask`` in the params, masks of dropout and zoneout with the inputs. So every engine runs the same.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from seqlab.cells.gates import squash, unsquash
from seqlab.cells.initializers import Initializer
from seqlab.core.array_types import Array, Carry, Float, Key, Params
from seqlab.core.precision import dot
from seqlab.core.trees import named_leaves

ParamSpec = tuple[Initializer, tuple[int, ...]]
# One array [..., G], or one [..., G / n] for each of n parts.
Gates = Any


class Cell(nn.RNNCellBase):
    """A recurrent cell; a subclass gives ``param_specs`` and ``combine``, and what else differs from the defaults here.

    Attributes:
        features: width H of the state, and of the output unless ``output_size`` says otherwise.
        dtype: type of the factors of matrix products, None for the params' own; see ``seqlab.core.precision``.
        param_dtype: type of params and state.
        learned_carry: whether the state before the first step, and after a reset, is a parameter: for each leaf of the
            carry one [H], ``initial_c`` and ``initial_h`` or ``initial_carry``, zeros at first; all sequences share it.
    """

    features: int
    dtype: Any = None
    param_dtype: Any = jnp.float32
    learned_carry: bool = False

    # Into how many arrays of equal width ``combine`` wants each of the two products cut: XLA makes tight loops of
    # activations over arrays of their own, and slow ones over slices of an array.
    num_parts: ClassVar[int] = 1
    # Of how many blocks of equal width, each with a meaning of its own, the inputs consist.
    input_blocks: ClassVar[int] = 1
    # The activations of the gates, as ``squash`` takes them, for a cell that gives ``merge`` instead of ``combine``.
    gate_kinds: ClassVar[str] = ""

    @property
    def has_one_product(self) -> bool:
        """Whether the step is ``combine`` after one product with ``recurrent_kernel``, as engines may lay it out."""
        return type(self).step is Cell.step

    @property
    def merges_gates(self) -> bool:
        """Whether ``combine`` is ``squash``, of the sum of the products, and then ``merge``."""
        return type(self).combine is Cell.combine

    @property
    def num_feature_axes(self) -> int:
        """Axes of an input behind batch and time: more than one for cells over space."""
        return 1

    @property
    def output_size(self) -> int:
        """Width of the output."""
        return self.features

    @nn.nowrap
    def param_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """The initializer and shape of every parameter of a step, by name, for inputs of width ``num_features``."""
        raise NotImplementedError

    @nn.nowrap
    def carry_specs(self) -> Mapping[str, ParamSpec]:
        """Initializer and shape of each leaf of a learned initial state, in the carry's order; none without one."""
        if not self.learned_carry:
            return {}
        carry = jax.eval_shape(lambda: self.initialize_carry(jax.random.key(0), (1,) * (1 + self.num_feature_axes)))
        leaves = named_leaves(carry)
        return {f"initial_{name or 'carry'}": (nn.initializers.zeros, leaf.shape[-1:]) for name, leaf in leaves.items()}

    @nn.nowrap
    def all_specs(self, num_features: int) -> Mapping[str, ParamSpec]:
        """``param_specs`` and ``carry_specs``: every parameter."""
        return {**self.param_specs(num_features), **self.carry_specs()}

    @nn.nowrap
    def project(self, params: Params, inputs: Float[Array, "*B F"]) -> Float[Array, "*B G"]:
        """The part of a step that does not depend on the carry: ``inputs @ input_kernel + bias``."""
        return dot(inputs, params["input_kernel"], self.dtype) + params["bias"]

    @nn.nowrap
    def hidden(self, carry: Carry) -> Float[Array, "*B H"]:
        """The part of the carry that the recurrent kernel is applied to."""
        return carry

    @nn.nowrap
    def recurrent_input(self, params: Params, carry: Carry) -> Float[Array, "*B H"]:
        """What the recurrent kernel is applied to: ``hidden``, times ``params["state_mask"]`` [B, H] if there is one.

        The mask is variational dropout on the state (Gal and Ghahramani, 2016). What a cell adds to or keeps of its
        state by other ways than the product, a GRU's z * h, is not masked.
        """
        hidden = self.hidden(carry)
        return hidden * params["state_mask"] if "state_mask" in params else hidden

    @nn.nowrap
    def cut(self, gates: Float[Array, "*B G"]) -> Gates:
        """Gates side by side, or a kernel with their columns, as ``combine`` wants them: see ``num_parts``."""
        return gates if self.num_parts == 1 else tuple(jnp.split(gates, self.num_parts, axis=-1))

    @nn.nowrap
    def combine(
        self, params: Params, carry: Carry, projected: Gates, recurrent: Gates
    ) -> tuple[Carry, Float[Array, "*B H"]]:
        """The rest of a step, once both products are known and cut: all of it element by element."""
        return self.merge(params, carry, squash(projected + recurrent, self.gate_kinds))

    @nn.nowrap
    def merge(
        self, params: Params, carry: Carry, gates: tuple[Float[Array, "*B H"], ...]
    ) -> tuple[Carry, Float[Array, "*B H"]]:
        """What is left of ``combine`` once the gates are known, for a cell with ``gate_kinds``."""
        raise NotImplementedError

    @nn.nowrap
    def keep(self, projected: Gates, recurrent: Gates) -> Gates:
        """What of the two products a derivative of the step needs: the gates that they make, or else themselves."""
        return squash(projected + recurrent, self.gate_kinds) if self.merges_gates else (projected, recurrent)

    @nn.nowrap
    def combine_kept(self, params: Params, carry: Carry, kept: Gates) -> tuple[Carry, Float[Array, "*B H"]]:
        """``combine`` from what ``keep`` kept."""
        return self.merge(params, carry, kept) if self.merges_gates else self.combine(params, carry, *kept)

    @nn.nowrap
    def pull_kept(self, kept: Gates, d_kept: Gates) -> tuple[Gates, Gates]:
        """From the gradient by what ``keep`` kept to those by the two products; one array where both are the same."""
        if not self.merges_gates:
            return d_kept
        d_sum = unsquash(kept, d_kept, self.gate_kinds)
        return d_sum, d_sum

    @nn.nowrap
    def step(self, params: Params, carry: Carry, projected: Float[Array, "*B G"]) -> tuple[Carry, Float[Array, "*B H"]]:
        """One time step from projected inputs; the equation stands in the class."""
        recurrent = dot(self.recurrent_input(params, carry), params["recurrent_kernel"], self.dtype)
        return self.combine(params, carry, self.cut(projected), self.cut(recurrent))

    @nn.nowrap
    def init_params(self, key: Key, num_features: int) -> Params:
        """Draws params: a plain dict of arrays, the same that ``cell.init`` of Flax makes with this key."""
        return self.clone(parent=None).init(key, num_features, method="bound_params")["params"]

    @nn.nowrap
    def initialize_carry(self, rng: Key, input_shape: tuple[int, ...]) -> Carry:
        """The state before the first step where none is learned: zeros [B, H] for inputs of shape [B, F]."""
        del rng
        return jnp.zeros((*input_shape[:-1], self.features), self.param_dtype)

    @nn.nowrap
    def fresh_carry(self, params: Params, input_shape: tuple[int, ...]) -> Carry:
        """The state before the first step and after a reset: the learned one, or that of ``initialize_carry``."""
        leaves, structure = jax.tree.flatten(self.initialize_carry(jax.random.key(0), input_shape))
        for number, name in enumerate(self.carry_specs()):
            leaves[number] = jnp.broadcast_to(params[name], leaves[number].shape)
        return structure.unflatten(leaves)

    @nn.compact
    def bound_params(self, num_features: int) -> Params:
        """The params of this module inside a Flax model, drawn there when the model is initialized."""
        specs = self.all_specs(num_features)
        return {name: self.param(name, init, shape, self.param_dtype) for name, (init, shape) in specs.items()}

    def __call__(self, carry: Carry, inputs: Float[Array, "*B F"]) -> tuple[Carry, Float[Array, "*B H"]]:
        """One time step as a Flax module: ``step(params, carry, project(params, inputs))``."""
        params = self.bound_params(inputs.shape[-1])
        return self.step(params, carry, self.project(params, inputs))
