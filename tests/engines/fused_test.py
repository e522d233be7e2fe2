"""What the fused engine promises beyond the laws: what its loops carry and keep."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab import unroll
from seqlab.cells import GRUCell, LSTMCell, ResetBeforeGRUCell, VanillaCell
from seqlab.engines.fused import supports, unroll_fused, unroll_fused_in_cache, window_in_cache
from seqlab.engines.select import resolve_engine

T, B, F, H = 7, 2, 3, 5


def loops(jaxpr: Any) -> Iterator[Any]:
    """Every scan of a program, those inside of other operations too."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "scan":
            yield equation
        for name, value in equation.params.items():
            # Of a linear solve and its transpose the solver alone is compiled: see ``core/derivatives.py``.
            runs = value.solve if equation.primitive.name == "custom_linear_solve" and name == "jaxprs" else value
            for inner in runs if isinstance(runs, tuple | list) else [runs]:
                if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                    yield from loops(getattr(inner, "jaxpr", inner))


def carried(loop: Any) -> list[tuple[int, ...]]:
    """Shapes of what a loop carries from step to step."""
    first, number = loop.params["num_consts"], loop.params["num_carry"]
    return [variable.aval.shape for variable in loop.invars[first : first + number]]


def programs(cell: Any, engine: str) -> tuple[Any, Any]:
    """The program of an unrolling, and that of its gradient."""
    params = cell.init_params(jax.random.key(0), F)

    def total(params: Any, inputs: Any) -> Any:
        return unroll(cell, params, inputs, engine=engine).outputs.sum()

    inputs = jnp.ones((B, T, F))
    forward, gradient = (jax.make_jaxpr(f)(params, inputs).jaxpr for f in (total, jax.grad(total)))
    return forward, gradient


@pytest.mark.parametrize("cell", [VanillaCell(H), GRUCell(H), LSTMCell(H)], ids=lambda cell: type(cell).__name__)
def test_no_loop_carries_the_gradient_of_the_recurrent_kernel(cell):
    kernel_shape = cell.param_specs(F)["recurrent_kernel"][1]
    assert kernel_shape not in [shape for loop in loops(programs(cell, "fused")[1]) for shape in carried(loop)]
    assert kernel_shape in [shape for loop in loops(programs(cell, "scan")[1]) for shape in carried(loop)]


def test_a_call_that_is_not_differentiated_keeps_its_outputs_alone():
    (loop,) = loops(programs(LSTMCell(H), "fused")[0])
    kept = [variable.aval.shape for variable in loop.outvars[loop.params["num_carry"] :]]
    assert kept == [(T, B, H)]


def test_products_that_are_added_up_hand_out_one_gradient():
    *_, backward = loops(programs(LSTMCell(H), "fused")[1])
    handed_out = [variable.aval.shape for variable in backward.outvars[backward.params["num_carry"] :]]
    assert handed_out == [(T, B, 4 * H)]


def test_cells_with_a_step_of_their_own_are_not_supported():
    assert supports(LSTMCell(H))
    assert not supports(ResetBeforeGRUCell(H))


def test_forward_mode_derivatives_and_those_of_gradients_are_those_of_the_scan():
    cell, inputs = LSTMCell(H), jnp.ones((B, T, F))
    params = cell.init_params(jax.random.key(0), F)

    def total(inputs: Any, engine: str) -> Any:
        return (unroll(cell, params, inputs, engine=engine).outputs ** 2).sum()

    def derivatives(engine: str) -> Any:
        direction = jnp.cos(jnp.arange(inputs.size, dtype=jnp.float32)).reshape(inputs.shape)
        run = partial(total, engine=engine)
        return jax.jit(lambda x: (jax.jvp(run, (x,), (direction,)), jax.jvp(jax.grad(run), (x,), (direction,))))(inputs)

    for one, other in zip(jax.tree.leaves(derivatives("fused")), jax.tree.leaves(derivatives("scan")), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
def test_windows_of_the_projection_change_nothing(reverse):
    cell, lengths = LSTMCell(H), jnp.array([T, 3])
    params, inputs = cell.init_params(jax.random.key(0), F), jax.random.normal(jax.random.key(1), (B, T, F))

    def with_gradient(engine: str) -> Any:
        def total(params: Any, inputs: Any) -> Any:
            unrolled = unroll(cell, params, inputs, lengths=lengths, reverse=reverse, engine=engine)
            return jnp.sum(jnp.cos(unrolled.outputs)) + unrolled.carry.c.sum(), unrolled.carry

        return jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))(params, inputs)

    whole, cut = with_gradient("fused"), with_gradient("fused:3")
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), whole, cut)


def test_a_projection_is_cut_where_it_outgrows_the_cache_and_nowhere_else():
    cell = LSTMCell(256)
    params = jax.eval_shape(lambda: cell.init_params(jax.random.key(0), 128))
    assert window_in_cache(cell, params, (128, 8, 128)) is None
    assert window_in_cache(cell, params, (128, 32, 128)) == 16
    # A window near the aim that divides T, as a rest would be a program of its own.
    assert window_in_cache(cell, params, (100, 64, 128)) == 10
    assert window_in_cache(cell, params, (101, 64, 128)) == 8


def test_auto_cuts_on_a_cpu():
    assert resolve_engine("auto", LSTMCell(H)) is unroll_fused_in_cache
    assert resolve_engine("fused", LSTMCell(H)) is unroll_fused
