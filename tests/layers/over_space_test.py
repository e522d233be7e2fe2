"""Layers of cells over space: inputs [B, T, *S, F], and nothing else differs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.cells import ConvGRUCell, ConvLSTMCell
from seqlab.engines import unroll
from seqlab.layers import Bidirectional, Recurrent, Stacked
from tests.contracts.cases import jit, random_like

B, T, S, F, H = 3, 4, 5, 2, 3
LENGTHS = jnp.array([4, 0, 2])
INPUTS = jnp.asarray(np.random.default_rng(0).standard_normal((B, T, S, F)), jnp.float32)


def random_variables(module):
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), INPUTS))
    return jax.tree.map(jnp.asarray, random_like(shapes, seed=1, scale=0.5))


def test_a_bidirectional_layer_over_another_is_their_unrollings_one_after_the_other():
    lower, upper = ConvGRUCell(H, kernel_size=(2,)), ConvLSTMCell(H, kernel_size=(3,))
    both_ways = Bidirectional(Recurrent(upper), Recurrent(upper.clone(), reverse=True))
    stack = Stacked([Recurrent(lower), both_ways])
    variables = random_variables(stack)
    found = jit(stack.apply)(variables, INPUTS, lengths=LENGTHS)

    @jit
    def by_hand(params):
        run = functools.partial(unroll, lengths=LENGTHS)
        below = run(lower, params["layers_0"]["cell"], INPUTS)
        ahead = run(upper, params["layers_1"]["forward"]["cell"], below.outputs)
        back = run(upper, params["layers_1"]["backward"]["cell"], below.outputs, reverse=True)
        return jnp.concatenate([ahead.outputs, back.outputs], axis=-1), (below.carry, (ahead.carry, back.carry))

    assert found.outputs.shape == (B, T, S, 2 * H)
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, atol=1e-5), tuple(found[:2]), by_hand(variables["params"])
    )


def test_noise_acts_at_each_position():
    layer = Recurrent(ConvLSTMCell(H, kernel_size=(3,)), zoneout_rates=0.5)
    variables = random_variables(layer)

    @jit
    def run(key):
        rngs = {"dropout": key}
        return layer.apply(variables, INPUTS, state_dropout_rate=0.5, weight_drop_rate=0.5, rngs=rngs)

    one, again, other = (np.asarray(run(jax.random.key(seed)).outputs) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert np.isfinite(one).all()
    assert (one != other).any(axis=(0, 1, 3)).all()
