"""What is the LSTM's own: its carry, its forget bias, and a memory that open gates keep."""

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.cells import LSTMCarry, LSTMCell

F, H = 3, 4


def test_the_forget_bias_is_an_argument_of_the_cell():
    bias = LSTMCell(H, forget_bias=2.5).init_params(jax.random.key(0), F)["bias"]
    np.testing.assert_array_equal(bias, np.repeat([0.0, 2.5, 0.0, 0.0], H))


def test_the_output_is_the_hidden_state_and_not_the_memory():
    cell = LSTMCell(H)
    params = cell.init_params(jax.random.key(1), F)
    carry, output = cell.step(params, cell.initialize_carry(jax.random.key(0), (2, F)), jnp.ones((2, 4 * H)))
    assert isinstance(carry, LSTMCarry)
    np.testing.assert_array_equal(output, carry.h)
    assert np.abs(output - carry.c).min() > 0


def test_gates_stand_in_the_order_input_forget_candidate_output():
    cell = LSTMCell(1)
    params = {"recurrent_kernel": jnp.zeros((1, 4))}
    carry = LSTMCarry(c=jnp.array([[0.5]]), h=jnp.array([[0.0]]))
    gates = {"i": -50.0, "f": -50.0, "g": 0.3, "o": 50.0}

    def memory(**opened):
        values = gates | opened
        return float(cell.step(params, carry, jnp.array([list(values.values())]))[0].c[0, 0])

    np.testing.assert_allclose(memory(), 0.0, atol=1e-20)
    np.testing.assert_allclose(memory(f=50.0), 0.5)
    np.testing.assert_allclose(memory(i=50.0), np.tanh(0.3), rtol=1e-6)
    assert float(cell.step(params, carry, jnp.array([[50.0, 50.0, 1.0, -50.0]]))[1][0, 0]) < 1e-20


def test_an_open_forget_gate_keeps_the_memory_over_a_thousand_steps():
    cell = LSTMCell(1)
    params = {"recurrent_kernel": jnp.zeros((1, 4))}
    closed_but_forget = jnp.array([[-50.0, 50.0, 0.0, -50.0]])
    start = LSTMCarry(c=jnp.array([[0.7]]), h=jnp.array([[0.0]]))
    last, _ = jax.lax.scan(lambda carry, _: cell.step(params, carry, closed_but_forget), start, length=1000)
    np.testing.assert_allclose(last.c, start.c)
