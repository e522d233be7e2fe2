"""The minimal gated unit's one gate, which resets and updates."""

import jax.numpy as jnp
import numpy as np

from seqlab.cells import MGUCell, ResetBeforeGRUCell
from tests.cells.numpy_loop import B, assert_is, assert_same, one_step, random_step, sigmoid

H = 4


def plain_step(params, h, x):
    (W_f, W_n), (U_f, U_n) = (np.split(params[name], 2, axis=1) for name in ("input_kernel", "recurrent_kernel"))
    b_f, b_n = np.split(params["bias"], 2)
    f = sigmoid(x @ W_f + h @ U_f + b_f)
    n = np.tanh(x @ W_n + (f * h) @ U_n + b_n)
    h = (1 - f) * h + f * n
    return h, h


def test_outputs_and_last_carry_are_those_of_the_numpy_loop():
    assert_is(MGUCell(H), plain_step)


def test_it_is_the_gru_with_the_reset_before_whose_update_gate_is_one_minus_its_reset_gate():
    # 1 - sigmoid(y) = sigmoid(-y)
    cell = MGUCell(H)
    params, h, x = random_step(cell, seed=1)
    gru = {
        name: jnp.concatenate([leaf[..., :H], -leaf[..., :H], leaf[..., H:]], axis=-1) for name, leaf in params.items()
    }
    assert_same(one_step(cell, params, h, x), one_step(ResetBeforeGRUCell(H), gru, h, x))


def test_a_shut_gate_keeps_the_old_state():
    cell = MGUCell(H)
    params, h, _ = random_step(cell, seed=2)
    shut = jnp.concatenate([jnp.full((B, H), -50.0), jnp.ones((B, H))], axis=-1)
    assert_same(cell.step(params, h, shut)[0], h)
