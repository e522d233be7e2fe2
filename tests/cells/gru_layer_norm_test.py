"""Layer normalization in the GRU: values by the plain formula, and what must not matter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.cells import GRUCell, LayerNormGRUCell
from tests.cells.numpy_loop import (
    assert_is,
    assert_same,
    initial,
    layer_norm,
    one_step,
    projected_step,
    random_step,
    sigmoid,
)
from tests.contracts.cases import jit

H = 4


@pytest.mark.parametrize("epsilon", [1e-5, 0.5])
def test_outputs_and_last_carry_are_those_of_the_numpy_loop(epsilon):
    def plain_step(params, h, x):
        def normalized(product, gain, bias, part):
            return layer_norm(product[:, part], params[gain][part], params[bias][part], epsilon)

        of_x, of_h = x @ params["input_kernel"], h @ params["recurrent_kernel"]
        gates, candidate = slice(0, 2 * H), slice(2 * H, None)
        gates_x = normalized(of_x, "input_gain", "bias", gates)
        gates_h = normalized(of_h, "recurrent_gain", "recurrent_bias", gates)
        r, z = np.split(sigmoid(gates_x + gates_h), 2, axis=1)
        from_x = normalized(of_x, "input_gain", "bias", candidate)
        from_h = normalized(of_h, "recurrent_gain", "recurrent_bias", candidate)
        n = np.tanh(from_x + r * from_h)
        h = (1 - z) * n + z * h
        return h, h

    assert_is(LayerNormGRUCell(H, epsilon=epsilon), plain_step)


@pytest.mark.parametrize("name", ["input_kernel", "recurrent_kernel"])
def test_the_sizes_of_the_gates_and_of_the_candidate_s_kernels_do_not_matter(name):
    cell = LayerNormGRUCell(H, epsilon=1e-12)
    params, carry, x = random_step(cell, seed=1)
    sizes = np.repeat([7.0, 0.5], [2 * H, H]).astype(np.float32)
    larger = params | {name: sizes * params[name]}
    assert_same(one_step(cell, larger, carry, x), one_step(cell, params, carry, x))


def test_with_a_huge_epsilon_it_is_the_gru_with_centred_kernels():
    # Then the divisor is sqrt(epsilon), which the gains take back: only the means are gone.
    cell = LayerNormGRUCell(H, epsilon=2.0**40)
    params, carry, x = random_step(cell, seed=2)
    gains = {name: jnp.full(3 * H, 2.0**20) for name in ("input_gain", "recurrent_gain")}

    def centred(kernel):
        parts = jnp.split(kernel, [2 * H], axis=1)
        return jnp.concatenate([part - part.mean(axis=1, keepdims=True) for part in parts], axis=1)

    of_gates, of_candidate = jnp.split(params["recurrent_bias"], [2 * H])
    plain = {name: centred(params[name]) for name in ("input_kernel", "recurrent_kernel")}
    plain |= {"bias": params["bias"].at[: 2 * H].add(of_gates), "recurrent_bias": of_candidate}
    assert_same(one_step(cell, params | gains, carry, x), one_step(GRUCell(H), plain, carry, x))


def test_gains_start_at_one_and_biases_at_zero():
    cell = LayerNormGRUCell(H)
    assert all(np.all(initial(cell, name) == 1) for name in ("input_gain", "recurrent_gain"))
    assert not any(np.any(initial(cell, name)) for name in ("bias", "recurrent_bias"))


def test_a_fresh_state_gives_finite_values_and_gradients():
    # There every product with the state has variance 0.
    cell = LayerNormGRUCell(H)
    params, _, x = random_step(cell, seed=3)
    fresh = cell.initialize_carry(jax.random.key(0), x.shape)

    def total(*given):
        return projected_step(cell, *given)[1].sum()

    gradients = jit(jax.grad(total, argnums=(0, 1, 2)))(params, fresh, 0 * x)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
