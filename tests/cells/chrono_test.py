import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import CELLS, make_cell
from seqlab.cells.chrono import KEEPS, with_chrono_biases
from seqlab.core.errors import SeqlabError

H, F, LONGEST = 64, 3, 50
WITH_GATES = [name for name in CELLS if type(make_cell(name, H)) in KEEPS]


def random_params(name):
    cell = make_cell(name, H)
    shapes = {leaf: shape for leaf, (_, shape) in cell.param_specs(F).items()}
    rng = np.random.default_rng(0)
    return cell, {leaf: jnp.asarray(rng.standard_normal(shape), jnp.float32) for leaf, shape in shapes.items()}


@pytest.mark.parametrize("name", WITH_GATES)
def test_where_nothing_else_acts_a_unit_keeps_its_memory_for_2_to_the_longest_number_of_steps(name):
    cell, params = random_params(name)
    started = with_chrono_biases(cell, params, jax.random.key(0), LONGEST)
    quiet = {leaf: jnp.where(leaf == "bias", value, 0.0) for leaf, value in started.items()}
    quiet["bias"] = jnp.where(started["bias"] == params["bias"], 0.0, started["bias"])
    carry = jax.tree.map(jnp.ones_like, cell.initialize_carry(jax.random.key(0), (1, F)))
    after, _ = cell.step(quiet, carry, cell.project(quiet, jnp.zeros((1, F))))
    kept = np.asarray(getattr(after, "c", after))
    steps = 1 / (1 - kept)
    assert steps.min() >= 2 - 1e-3
    assert steps.max() <= LONGEST * (1 + 1e-3)
    # Lengths are uniform, so that of 64 of them some are in each half.
    assert steps.min() < LONGEST / 2 < steps.max()


def test_the_cells_without_such_gates_are_known_and_left_as_they_are():
    without = CELLS.keys() - set(WITH_GATES)
    assert without == {"vanilla", "vanilla_relu", "vanilla_residual", "irnn", "lru"}
    for name in ("vanilla", "lru"):
        cell, params = random_params(name)
        assert with_chrono_biases(cell, params, jax.random.key(0), LONGEST) is params


def test_in_a_model_every_layer_starts_gates_of_its_own_and_nothing_else_changes():
    cell, params = random_params("lstm")
    model = {"stack": {"layers_0": {"cell": params}, "layers_1": {"cell": params}}, "head": {"bias": jnp.zeros(4)}}
    started = with_chrono_biases(cell, model, jax.random.key(0), LONGEST)
    one, other = (started["stack"][layer]["cell"] for layer in ("layers_0", "layers_1"))
    assert not np.array_equal(one["bias"], other["bias"])
    np.testing.assert_array_equal(one["bias"][2 * H :], params["bias"][2 * H :])
    np.testing.assert_array_equal(one["bias"][:H], -one["bias"][H : 2 * H])
    assert one["input_kernel"] is params["input_kernel"]
    assert started["head"]["bias"] is model["head"]["bias"]


def test_the_start_is_a_function_of_the_key():
    cell, params = random_params("gru")
    one, again, other = (with_chrono_biases(cell, params, jax.random.key(k), LONGEST)["bias"] for k in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_longest_memory_below_2_is_refused():
    cell, params = random_params("gru")
    with pytest.raises(SeqlabError, match="at least 2 steps; got 1"):
        with_chrono_biases(cell, params, jax.random.key(0), 1)
