"""All time steps at once for any cell: Newton's method on the whole sequence of states.

The states of a recurrence are the root of T equations, f(h_{t-1}, x_t) - h_t = 0, that need not be solved in order. At
a guess of all states, with J_t the derivative of step t by the state before it, Newton's correction d is

    r_t = f(h_{t-1}, x_t) - h_t          what the guess misses
    d_t = J_t d_{t-1} + r_t              a linear recurrence: all of it in log2(T) rounds
    h_t + d_t                            the next guess

``newton`` takes J_t whole: few rounds, T B S^2 numbers and T B S^3 products for S numbers of state a row.
``quasi_newton`` takes its diagonal alone: more rounds, T B S numbers. Either has the right state of one more step after
each round, whatever the guess, and usually of all within a few; where the cell is chaotic, or S too large for rounding,
it does not converge in ``max_iterations``, and the steps are run in sequence after all.
``newton_report.unroll_newton_info`` tells how it went.

Padding is a step with the identity for J and a reset one with zero: both come out of differentiating
``controlled_step``. The derivative is that of the root, not of the iteration: with f linearized there, one more such
linear recurrence, forward for tangents and backward for gradients. ``newton`` solves it in one round; ``quasi_newton``
in rounds with the diagonal, until nothing of the whole J is missed. Both fall back on a sweep step by step.

For accelerators, small states and long sequences; on a CPU it is slower than a loop, and slow to compile. Products are
of the highest precision: the rounding of TF32 would keep it from converging.

References: Lim et al., Parallelizing non-linear sequential models over the sequence length (DEER), 2024,
arXiv:2309.12252; Gonzalez et al., Towards scalable and stable parallelization of nonlinear RNNs (quasi-DEER), 2024,
arXiv:2407.19115. When it can work: Gonzalez et al., Predictability enables parallelization, 2025, arXiv:2508.16817.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Carry, Float, Int, Params
from seqlab.engines.associative import latest_steps, standing
from seqlab.engines.base import Controls, FlaxCell, Unrollable, Unrolled, controlled_step
from seqlab.engines.bidiagonal import Bidiagonal, blocks, join_steps, solve_bidiagonal, tolerance

MAX_ITERATIONS = 100


class NewtonReport(NamedTuple):
    """How a solution was found.

    Attributes:
        iterations: rounds of Newton's method.
        residual: the largest |f(h_{t-1}) - h_t| / max(1, |h_t|) that the last round left.
        converged: whether it is as small as rounding lets it be; if not, the steps were run in sequence.
    """

    iterations: Int[Array, ""]
    residual: Float[Array, ""]
    converged: Bool[Array, ""]


def supports(cell: Unrollable) -> bool:
    """Whether the carry is made of real numbers of one floating type, so that a row of it is a vector."""
    module = cell.module if isinstance(cell, FlaxCell) else cell
    shape = (1,) * (1 + module.num_feature_axes)
    leaves = jax.tree.leaves(jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), shape)))
    types = {leaf.dtype for leaf in leaves}
    return len(types) == 1 and all(jnp.issubdtype(dtype, jnp.floating) for dtype in types)


def unroll_newton(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B *F"],
    carry: Carry,
    controls: Controls,
    *,
    return_all_carries: bool,
    diagonal: bool = False,
    max_iterations: int = MAX_ITERATIONS,
) -> Unrolled:
    """Newton's method with whole Jacobians, or with their diagonals."""
    options = {"return_all_carries": return_all_carries, "max_iterations": max_iterations}
    return solve(cell, params, inputs, carry, controls, diagonal=diagonal, **options)[0]


def solve(
    cell: Unrollable,
    params: Params,
    inputs: Float[Array, "T B *F"],
    carry: Carry,
    controls: Controls,
    *,
    diagonal: bool,
    return_all_carries: bool,
    max_iterations: int = MAX_ITERATIONS,
) -> tuple[Unrolled, NewtonReport]:
    """Either engine, and how the solution was found."""
    chain = _Chain(cell, jax.tree.map(jnp.zeros_like, carry), controls.reverse, diagonal, max_iterations)
    with jax.default_matmul_precision("highest"):
        steps = _Steps(cell.project(params, inputs), controls.mask, controls.resets)
    arguments = _Arguments(params, controls.fresh, _flatten(carry), steps)

    # No derivative goes through the iteration.
    constants = jax.lax.stop_gradient(arguments)
    states, report = chain.iterate(constants)
    states = jax.lax.cond(report.converged, lambda: states, lambda: chain.run_in_sequence(constants))
    last = 0 if controls.reverse else -1
    if controls.mask is not None:
        # Where no step exists a state must be the one before it to the bit, not to rounding.
        states = standing(states, constants.carry, controls.mask, latest_steps(controls.mask, reverse=controls.reverse))

    states = chain.root(arguments, states, report.converged)
    _, outputs = chain.all_steps(arguments, chain.before(states, arguments.carry))
    carries = chain.unflatten(states)
    last_carry = jax.tree.map(lambda leaf: leaf[last], carries)
    return Unrolled(outputs, last_carry, carries if return_all_carries else None), report


class _Steps(NamedTuple):
    """What each step reads, with time first: see ``Controls``."""

    projected: Array
    mask: Array | None
    resets: Array | None


class _Arguments(NamedTuple):
    """What the states depend on; ``carry`` is flat [B, S]."""

    params: Params
    fresh: Carry
    carry: Array
    steps: _Steps


@dataclass(frozen=True)
class _Chain:
    """T steps as one function from the states before all of them [T, B, S] to those after them.

    Attributes:
        cell: what is unrolled.
        like: a carry, for its structure and shapes.
        reverse: whether time runs backward.
        diagonal: whether Jacobians are cut down to their diagonals.
        max_iterations: the number of rounds after which the steps are run in sequence.
    """

    cell: Unrollable
    like: Carry
    reverse: bool
    diagonal: bool
    max_iterations: int

    def unflatten(self, states: Float[Array, "*T B S"]) -> Carry:
        """The carry that ``_flatten`` made into rows."""
        leaves, structure = jax.tree.flatten(self.like)
        ends = [0]
        for leaf in leaves:
            ends.append(ends[-1] + leaf[0].size)
        parts = [states[..., start:end] for start, end in pairwise(ends)]
        shaped = [part.reshape(*states.shape[:-1], *leaf.shape[1:]) for part, leaf in zip(parts, leaves, strict=True)]
        return structure.unflatten(shaped)

    def step(self, arguments: _Arguments, state: Float[Array, "B S"], now: _Steps) -> tuple[Array, Array]:
        """One step: the state after it, and its output."""
        with jax.default_matmul_precision("highest"):
            carry, output = controlled_step(
                self.cell, arguments.params, arguments.fresh, self.unflatten(state), now.projected, now.mask, now.resets
            )
        return _flatten(carry), output

    def all_steps(self, arguments: _Arguments, before: Float[Array, "T B S"]) -> tuple[Array, Array]:
        """Every step by itself."""
        return jax.vmap(self.step, (None, 0, 0))(arguments, before, arguments.steps)

    def before(self, states: Float[Array, "T B S"], carry: Float[Array, "B S"]) -> Float[Array, "T B S"]:
        """The state before each step, given those after all of them."""
        parts = [states[1:], carry[None]] if self.reverse else [carry[None], states[:-1]]
        return jnp.concatenate(parts)

    def equations(self, arguments: _Arguments, states: Float[Array, "T B S"]) -> Bidiagonal:
        """The matrix of Newton's equations at these states: d -> d_t - J_t d_{t-1}."""
        before = self.before(states, arguments.carry)
        _, derivative = jax.linearize(lambda before: self.all_steps(arguments, before)[0], before)
        return lambda d: d - derivative(self.before(d, jnp.zeros_like(d[0])))

    def missed(self, arguments: _Arguments, states: Float[Array, "T B S"]) -> Float[Array, "T B S"]:
        """By how much each step's result is off from the state after it."""
        return self.all_steps(arguments, self.before(states, arguments.carry))[0] - states

    def iterate(self, arguments: _Arguments) -> tuple[Float[Array, "T B S"], NewtonReport]:
        """Newton's method from the fresh state at every step."""

        def unsolved(at: tuple[Array, Array, NewtonReport]) -> Bool[Array, ""]:
            _, _, report = at
            # Nan is not above any tolerance: a step that makes it from a finite state will do so in every round.
            return (report.residual > tolerance(report.residual)) & (report.iterations < self.max_iterations)

        def improve(at: tuple[Array, Array, NewtonReport]) -> tuple[Array, Array, NewtonReport]:
            states, missed, report = at
            equations = self.equations(arguments, states)
            states = states + join_steps(blocks(equations, states, self.diagonal), missed, self.reverse)
            # States far ahead of the solved ones may overflow for a while; what comes of zeros is as good a guess.
            states = jnp.where(jnp.isfinite(states), states, 0)
            return measured(states, report.iterations + 1)

        def measured(states: Array, iterations: Array) -> tuple[Array, Array, NewtonReport]:
            missed = self.missed(arguments, states)
            residual = (jnp.abs(missed) / jnp.maximum(1, jnp.abs(states))).max()
            return states, missed, NewtonReport(iterations, residual, residual <= tolerance(residual))

        fresh = _flatten(arguments.fresh)
        guess = jnp.broadcast_to(fresh, (len(arguments.steps.projected), *fresh.shape))
        states, _, report = jax.lax.while_loop(unsolved, improve, measured(guess, jnp.array(0)))
        return states, report

    def run_in_sequence(self, arguments: _Arguments) -> Float[Array, "T B S"]:
        """The states by a scan."""

        def step(state: Array, now: _Steps) -> tuple[Array, Array]:
            state, _ = self.step(arguments, state, now)
            return state, state

        return jax.lax.scan(step, arguments.carry, arguments.steps, reverse=self.reverse)[1]

    def root(self, arguments: _Arguments, states: Float[Array, "T B S"], converged: Bool[Array, ""]) -> Array:
        """``states`` as a function of ``arguments``, by the implicit function theorem: (1 - J) dh = df."""
        root = jax.custom_jvp(lambda arguments, states, converged: states)

        @root.defjvp
        def tangent(primals: Any, tangents: Any) -> tuple[Array, Array]:
            arguments, states, converged = primals

            def result(arguments: _Arguments) -> Array:
                return self.all_steps(arguments, self.before(states, arguments.carry))[0]

            _, df = jax.jvp(result, (arguments,), (tangents[0],))
            return states, self.solve_linear(arguments, states, converged, df)

        return root(arguments, states, converged)

    def solve_linear(self, arguments: _Arguments, states: Array, converged: Array, df: Array) -> Float[Array, "T B S"]:
        """The solution of d_t - J_t d_{t-1} = df_t, or of the transposed equations where it is transposed."""

        def solver(transposed: bool) -> Callable[[Bidiagonal, Array], Array]:
            def solve(equations: Bidiagonal, given: Array) -> Array:
                solution, solved = solve_bidiagonal(
                    equations, given, self.reverse != transposed, self.diagonal, self.max_iterations
                )
                return jax.lax.cond(
                    converged & solved,
                    lambda: solution,
                    lambda: self.sweep(arguments, states, given, transposed=transposed),
                )

            return solve

        return jax.lax.custom_linear_solve(self.equations(arguments, states), df, solver(False), solver(True))

    def sweep(self, arguments: _Arguments, states: Array, given: Array, *, transposed: bool) -> Float[Array, "T B S"]:
        """The same solution, step by step: d_t = J_t d_{t-1} + given_t, or d_t = J_{t+1}^T d_{t+1} + given_t."""

        def step(d: Array, at: tuple[Array, _Steps, Array]) -> tuple[Array, Array]:
            before, now, given = at

            def after(before: Array) -> Array:
                return self.step(arguments, before, now)[0]

            if transposed:
                d = d + given
                return jax.vjp(after, before)[1](d)[0], d
            d = jax.jvp(after, (before,), (d,))[1] + given
            return d, d

        read = self.before(states, arguments.carry), arguments.steps, given
        return jax.lax.scan(step, jnp.zeros_like(given[0]), read, reverse=self.reverse != transposed)[1]


def _flatten(carry: Carry) -> Float[Array, "B S"]:
    """Each row of a carry as one vector."""
    return jnp.concatenate([leaf.reshape(len(leaf), -1) for leaf in jax.tree.leaves(carry)], axis=1)
