"""The kernel in Pallas's interpreter gives what ``scan`` gives, at sizes that must be padded too; Triton takes it."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab import unroll
from seqlab.cells import GRUCell, LSTMCell, PeepholeLSTMCell, VanillaCell, make_cell
from seqlab.core.errors import SeqlabError
from seqlab.engines.pallas import supports, unroll_pallas
from tests.contracts.cases import Example, assert_close, jit, random_like, unrolled_from, with_gradients

F = 3
INTERPRETED = functools.partial(unroll_pallas, interpret=True)


def example(cell: Any, B: int, T: int) -> Example:
    shapes = jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F))
    params, inputs = random_like(shapes, 1, 0.5), random_like(jax.ShapeDtypeStruct((B, T, F), jnp.float32), 2)
    carry = random_like(jax.eval_shape(lambda: cell.initialize_carry(jax.random.key(0), (B, F))), 3)
    run = functools.partial(unrolled_from, cell, return_all_carries=True)
    return Example(params, inputs, carry, random_like(jax.eval_shape(run, params, inputs, carry), 4))


def result(cell: Any, engine: Any, given: Example, **controls: Any) -> Any:
    """Outputs, carries, and gradients by params, inputs and first carry."""

    @jit
    def program(given: Example, controls: Any) -> Any:
        run = functools.partial(unrolled_from, cell, return_all_carries=True, engine=engine, reverse=reverse)
        return with_gradients(functools.partial(run, **controls), given)

    reverse = controls.pop("reverse", False)
    return program(given, controls)


def flags(B: int, T: int) -> dict[str, Any]:
    """A mask with holes and a row without steps, and resets."""
    rng = np.random.default_rng(5)
    mask = rng.random((B, T)) < 0.7
    mask[1] = False
    return {"mask": jnp.asarray(mask), "resets": jnp.asarray(rng.random((B, T)) < 0.4)}


# Sums of some hundreds of float32 products, in another order.
TOLERANCE = 1e-4


def check(name: str, B: int, T: int, H: int, **controls: Any) -> None:
    cell = make_cell(name, H)
    given = example(cell, B, T)
    assert_close(result(cell, INTERPRETED, given, **controls), result(cell, "scan", given, **controls), TOLERANCE)


@pytest.mark.parametrize(("name", "reverse"), [("gru", True), ("lstm", False)])
def test_values_and_gradients_with_masks_and_resets_are_those_of_scan_at_odd_sizes(name, reverse):
    check(name, 17, 5, 7, reverse=reverse, **flags(17, 5))


def test_values_and_gradients_without_masks_and_resets_are_those_of_scan():
    check("vanilla", 3, 4, 5)


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["vanilla", "gru", "lstm"])
@pytest.mark.parametrize(("B", "T", "H"), [(2, 1, 1), (16, 3, 16), (33, 7, 19)])
@pytest.mark.parametrize("chosen", [(), ("mask",), ("resets",), ("mask", "resets")])
def test_values_and_gradients_are_those_of_scan_at_every_kind_of_size(name, B, T, H, chosen, reverse):
    check(name, B, T, H, reverse=reverse, **{flag: flags(B, T)[flag] for flag in chosen})


def test_many_models_at_once_are_those_of_scan():
    cell = VanillaCell(5)
    given = example(cell, 3, 2)
    models = jax.tree.map(lambda leaf: np.stack([leaf, -leaf]), given.params)

    def results(engine: Any) -> Any:
        run = functools.partial(unrolled_from, cell, return_all_carries=True, engine=engine)
        every = jax.vmap(lambda params: with_gradients(run, given._replace(params=params)))
        return jit(every)(models)

    assert_close(results(INTERPRETED), results("scan"))


@pytest.mark.parametrize(
    "cell",
    [VanillaCell(5, activation=jax.nn.relu), GRUCell(16), LSTMCell(5, dtype=jnp.bfloat16), LSTMCell(128)],
    ids=["vanilla", "gru", "lstm in bfloat16", "lstm"],
)
def test_triton_takes_both_kernels_and_the_model_axis(cell):
    params = jax.eval_shape(lambda: cell.init_params(jax.random.key(0), F))
    models = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((2, *leaf.shape), leaf.dtype), params)
    inputs, flags = jax.ShapeDtypeStruct((2, 3, F), jnp.float32), jax.ShapeDtypeStruct((2, 3), jnp.bool_)

    def loss(params: Any, inputs: Any, mask: Any) -> Any:
        return unroll(cell, params, inputs, mask=mask, resets=mask, engine=unroll_pallas).outputs.sum()

    gradient = jax.jit(jax.vmap(jax.grad(loss), in_axes=(0, None, None)))
    program = gradient.trace(models, inputs, flags).lower(lowering_platforms=("cuda",)).as_text()
    assert program.count("xla.gpu.triton") == 2


def test_only_small_cells_of_three_kinds_are_supported():
    assert all(supports(cell) for cell in (VanillaCell(128), GRUCell(128), LSTMCell(128)))
    assert not any(
        supports(cell) for cell in (LSTMCell(129), PeepholeLSTMCell(5), LSTMCell(5, param_dtype=jnp.float16))
    )


def test_a_mask_on_the_state_is_refused():
    cell = VanillaCell(5)
    params = {**example(cell, 2, 3).params, "state_mask": jnp.ones((2, 5))}
    with pytest.raises(SeqlabError, match="no dropout on the state; got a state_mask"):
        unroll(cell, params, jnp.ones((2, 3, F)), engine=INTERPRETED)
