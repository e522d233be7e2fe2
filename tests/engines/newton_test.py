"""What Newton's engines promise beyond the laws: few rounds on long sequences, a way out, and a report."""

import functools
from itertools import pairwise
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab import unroll
from seqlab.cells import GRUCell, LSTMCell, VanillaCell
from seqlab.core.errors import SeqlabError
from seqlab.engines import FlaxCell
from seqlab.engines.bidiagonal import blocks, solve_bidiagonal
from seqlab.engines.newton import supports
from seqlab.engines.newton_report import unroll_newton_info
from tests.contracts.cases import jit

B, F, H = 2, 3, 4
ENGINES = {"newton": False, "quasi_newton": True}
for_both_engines = pytest.mark.parametrize(
    "engine", [pytest.param("newton"), pytest.param("quasi_newton", marks=pytest.mark.slow)]
)


def example(cell: Any, num_steps: int, scale: float = 1.0) -> tuple[Any, Any]:
    """Params, the recurrent kernel times ``scale``, and inputs."""
    params = cell.init_params(jax.random.key(0), F)
    params["recurrent_kernel"] *= scale
    return params, jax.random.normal(jax.random.key(1), (B, num_steps, F))


def solved(cell: Any, engine: str, params: Any, inputs: Any, **options: Any) -> Any:
    return jit(functools.partial(unroll_newton_info, cell, diagonal=ENGINES[engine], **options))(params, inputs)


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_two_hundred_steps_of_a_gru_take_few_rounds(engine):
    cell = GRUCell(H)
    params, inputs = example(cell, 200)
    unrolled, report = solved(cell, engine, params, inputs)
    assert bool(report.converged)
    assert 1 < int(report.iterations) < (10 if engine == "newton" else 30)
    assert float(report.residual) < 1e-5
    np.testing.assert_allclose(unrolled.outputs, unroll(cell, params, inputs, engine="scan").outputs, atol=1e-5)


@for_both_engines
def test_without_convergence_the_steps_are_run_in_sequence_and_so_is_their_derivative(engine):
    # Chaotic: differences grow by about this factor at each step.
    cell = VanillaCell(H)
    params, inputs = example(cell, 8, scale=8.0)
    _, report = solved(cell, engine, params, inputs, max_iterations=2)
    assert not bool(report.converged)
    assert int(report.iterations) == 2
    assert float(report.residual) > 1e-3

    def total(params: Any, engine: str) -> Any:
        return (unroll(cell, params, inputs, engine=engine).outputs ** 2).sum()

    found, expected = (
        jit(jax.value_and_grad(functools.partial(total, engine=e)))(params) for e in (engine + ":2", "scan")
    )
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_a_step_that_makes_nan_ends_the_rounds_and_nan_is_the_result_from_there_on():
    cell = VanillaCell(H)
    params, inputs = example(cell, 9)
    unrolled, report = solved(cell, "newton", params, inputs.at[0, 5].set(jnp.nan))
    assert not bool(report.converged)
    assert int(report.iterations) <= 1
    outputs = np.asarray(unrolled.outputs)
    assert np.isnan(outputs[0, 5:]).all()
    assert np.isfinite(outputs[0, :5]).all()
    assert np.isfinite(outputs[1]).all()


def test_rounds_are_at_most_the_steps_and_one_is_enough_for_steps_that_do_not_depend_on_each_other():
    cell = VanillaCell(H)
    params, inputs = example(cell, 6, scale=8.0)
    assert int(solved(cell, "newton", params, inputs)[1].iterations) <= 6
    resets = jnp.ones((B, 6), bool)
    assert int(solved(cell, "newton", params, inputs, resets=resets)[1].iterations) == 1


@for_both_engines
def test_forward_mode_derivatives_are_those_of_the_scan(engine):
    cell = VanillaCell(H)
    params, inputs = example(cell, 5)

    def tangent(engine: str) -> Any:
        run = functools.partial(unroll, cell, params, engine=engine)
        return jit(lambda x: jax.jvp(lambda x: run(x).outputs, (x,), (x,))[1])(inputs)

    np.testing.assert_allclose(tangent(engine), tangent("scan"), atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("diagonal", [False, True], ids=["whole", "diagonal"])
def test_bidiagonal_equations_are_solved_as_the_dense_matrix_they_stand_for(diagonal, reverse):
    T, S = 5, 3
    rng = np.random.default_rng(3)
    J = 0.4 * rng.standard_normal((T, S, S)).astype(np.float32)
    given = rng.standard_normal((T, 1, S)).astype(np.float32)
    order = np.arange(T)[:: -1 if reverse else 1]
    dense = np.eye(T * S).reshape(T, S, T, S)
    for before, t in pairwise(order):
        dense[t, :, before] -= J[t]
    expected = np.linalg.solve(dense.reshape(T * S, T * S), given.ravel()).reshape(T, 1, S)

    def equations(d: Any) -> Any:
        return jnp.einsum("tiuj,ubj->tbi", jnp.asarray(dense, jnp.float32), d, precision="highest")

    found, is_solved = jit(lambda given: solve_bidiagonal(equations, given, reverse, diagonal, T + 1))(given)
    assert bool(is_solved)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    later = order[1:]
    whole = blocks(equations, jnp.asarray(given), False)[later, 0]
    np.testing.assert_allclose(whole, J[later], atol=1e-6)
    diagonals = blocks(equations, jnp.asarray(given), True)[later, 0]
    np.testing.assert_allclose(diagonals, np.diagonal(J[later], axis1=1, axis2=2), atol=1e-6)


class Counter(nn.RNNCellBase):
    """A cell whose state is no real number."""

    num_feature_axes = 1  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    dtype: Any = jnp.int32

    def initialize_carry(self, rng, input_shape):
        return jnp.zeros((input_shape[0], 1), self.dtype)

    def __call__(self, carry, inputs):
        return carry + 1, inputs


def test_a_state_that_is_not_of_real_numbers_is_refused():
    assert supports(LSTMCell(H))
    assert supports(FlaxCell(nn.LSTMCell(H)))
    assert not supports(FlaxCell(Counter(jnp.int32)))
    assert not supports(FlaxCell(Counter(jnp.complex64)))
    with pytest.raises(SeqlabError, match=r"'newton' does not support .*Counter"):
        unroll(Counter(), {}, jnp.ones((1, 2, 1)), engine="newton")
    with pytest.raises(SeqlabError, match="needs a carry of real numbers of one type; Counter has another"):
        unroll_newton_info(Counter(), {}, jnp.ones((1, 2, 1)))
