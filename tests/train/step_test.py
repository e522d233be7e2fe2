import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from seqlab.core.trees import all_finite
from seqlab.data.batch import Batch
from seqlab.tasks.base import Hyper
from seqlab.train import chunk_of, initial_state, make_train_step, stack_batches
from tests.train.toys import ROWS, WIDTH, adam, assert_same, echo, echo_task, jit, to_numpy

NOISY = Hyper(dropout_rate=0.3)
# The same sums in programs that were compiled apart: a few roundings of numbers near 1.
TOLERANCE = 1e-6


def start(task, optimizer, seed=0):
    return jit(lambda: initial_state(task, optimizer, seed))()


def mean_loss(params, carry, batch):
    outputs, carry = echo(params, carry, jnp.asarray(batch.inputs))
    return ((outputs - batch.targets) ** 2).mean(), carry


def test_a_chunk_of_steps_is_the_single_steps():
    task, optimizer = echo_task(), adam()
    step = make_train_step(task, optimizer, NOISY)
    jitted, state = jit(step), start(task, optimizer)
    infos = []
    for number in range(7):
        state, info = jitted(state, task.splits.train.batch(number))
        infos.append(info)
    chunked, chunk_info = jit(chunk_of(step))(start(task, optimizer), stack_batches(task, 0, 7))
    assert int(chunked.step) == 7
    close = lambda one, other: np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)  # noqa: E731
    jax.tree.map(close, to_numpy(chunked), to_numpy(state))
    jax.tree.map(close, to_numpy(chunk_info), jax.tree.map(lambda *leaves: np.stack(leaves), *map(to_numpy, infos)))


def test_two_chunks_are_one_chunk_bit_for_bit():
    task, optimizer = echo_task(), adam()
    run = jit(chunk_of(make_train_step(task, optimizer, NOISY)))
    whole, _ = run(start(task, optimizer), stack_batches(task, 0, 6))
    state, _ = run(start(task, optimizer), stack_batches(task, 0, 2))
    state, _ = run(state, stack_batches(task, 2, 4))
    assert_same(whole, state)


def with_value(batch: Batch, value: float) -> Batch:
    inputs = batch.inputs.copy()
    inputs[0, 1] = value
    return batch._replace(inputs=inputs, targets=np.where(np.isnan(value), batch.targets, inputs))


@pytest.mark.parametrize(
    ("value", "learning_rate"),
    [(np.nan, 0.1), (np.inf, 0.1), (1e30, 0.1), (1e15, 3e38)],
    ids=["nan in the data", "infinite loss", "overflow of the loss", "overflow of the update alone"],
)
def test_a_step_that_is_not_finite_changes_nothing_but_its_number_and_is_counted(value, learning_rate):
    task, optimizer = echo_task(), optax.sgd(learning_rate, momentum=0.9)
    step = jit(make_train_step(task, optimizer, NOISY))
    state = start(task, optimizer)._replace(carry=jnp.full((ROWS, WIDTH), 0.25))
    after, info = step(state, with_value(task.splits.train.batch(1), value))
    assert not info.finite
    assert int(after.step) == int(state.step) + 1
    assert int(after.num_skipped) == int(state.num_skipped) + 1
    assert_same(after._replace(step=state.step, num_skipped=state.num_skipped), state)


def test_the_gradient_of_a_finite_loss_may_be_what_is_not_finite():
    task, optimizer = echo_task(), optax.sgd(0.1)

    def loss(params, carry, batch, key, hyper):
        return task.loss(params, carry, batch, key, hyper)._replace(total=jnp.sqrt(params["input"] - 0.5).sum())

    zero = start(task, optimizer)._replace(params=task.init(jax.random.key(0)) | {"input": jnp.array([0.5, 0.5])})
    after, info = make_train_step(task._replace(loss=loss), optimizer)(zero, task.splits.train.batch(0))
    assert not info.finite
    assert_same(after.params, zero.params)


def test_steps_after_one_that_was_skipped_go_on():
    task, optimizer = echo_task(broken=(2,)), adam()
    run = jit(chunk_of(make_train_step(task, optimizer)))
    state, info = run(start(task, optimizer), stack_batches(task, 0, 5))
    assert info.finite.tolist() == [True, True, False, True, True]
    assert all_finite(state)
    before, _ = run(start(task, optimizer), stack_batches(task, 0, 2))
    assert not np.array_equal(before.params["output"], state.params["output"])


def test_the_gradient_stops_at_the_beginning_of_the_window():
    task, rate = echo_task(), 0.1
    first, second = task.splits.train.batch(0), task.splits.train.batch(1)
    params = task.init(jax.random.key(3))
    _, carry = mean_loss(params, jnp.zeros((ROWS, WIDTH)), first)
    state = start(task, optax.sgd(rate))._replace(params=params, carry=carry)
    after, info = make_train_step(task, optax.sgd(rate))(state, second)

    truncated = jax.grad(lambda params: mean_loss(params, carry, second)[0])(params)
    through_time = jax.grad(
        lambda params: mean_loss(params, mean_loss(params, jnp.zeros((ROWS, WIDTH)), first)[1], second)[0]
    )(params)
    for name, kernel in params.items():
        np.testing.assert_allclose(after.params[name], kernel - rate * truncated[name], rtol=1e-5)
    np.testing.assert_allclose(info.gradient_norm, optax.tree.norm(truncated), rtol=1e-5)
    # The law says something only where the longer gradient is another one.
    assert abs(through_time["recurrent_kernel"] - truncated["recurrent_kernel"]).max() > 1e-2


def test_the_carry_goes_on_from_window_to_window():
    task = echo_task()
    frozen, first, second = optax.sgd(0.0), task.splits.train.batch(0), task.splits.train.batch(1)
    state, info = chunk_of(make_train_step(task, frozen))(start(task, frozen), stack_batches(task, 0, 2))
    joined = Batch(*(np.concatenate(leaves, axis=1) for leaves in [(first[0], second[0]), (first[1], second[1])]))
    loss, carry = mean_loss(state.params, jnp.zeros((ROWS, WIDTH)), joined)
    np.testing.assert_allclose(info.metrics["loss"].total.sum() / joined.inputs.size, loss, rtol=1e-5)
    np.testing.assert_allclose(state.carry, carry, rtol=1e-5)


def test_the_noise_of_a_step_is_a_function_of_seed_and_step():
    task, frozen = echo_task(), optax.sgd(0.0)
    step, batch = jit(make_train_step(task, frozen, NOISY)), task.splits.train.batch(0)

    def loss(seed, number):
        state = start(task, frozen, seed)._replace(params=task.init(jax.random.key(0)), step=jnp.array(number))
        return float(step(state, batch)[1].metrics["loss"].total)

    assert loss(0, 1) == loss(0, 1)
    assert len({loss(0, 0), loss(0, 1), loss(1, 0), loss(1, 1)}) == 4


def test_the_initial_state_is_a_function_of_the_seed():
    task, optimizer = echo_task(), adam()
    assert_same(start(task, optimizer, 5), start(task, optimizer, 5))
    one, other = start(task, optimizer, 5), start(task, optimizer, 6)
    assert not np.array_equal(one.params["output"], other.params["output"])
    assert not np.array_equal(jax.random.key_data(one.key), jax.random.key_data(other.key))
    # Draws of training must not repeat those that made the params.
    assert not np.array_equal(jax.random.key_data(one.key), jax.random.key_data(jax.random.key(5)))
