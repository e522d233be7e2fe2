"""Against a language model of two layers written out as a loop, with zeros added to each state."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from seqlab.cells import make_cell
from seqlab.core.errors import SeqlabError
from seqlab.data.texts import TextSplits
from seqlab.diagnostics import task_gradient_flow
from seqlab.layers.config import RecurrentConfig
from seqlab.optim import OptimizerConfig, make_optimizer
from seqlab.tasks.language_model import LanguageModelConfig, make_task
from seqlab.train import initial_state, make_train_step
from tests.contracts.cases import jit, random_like

H, T, LAYERS = 5, 4, ("layers_0", "layers_1")
KEY = jax.random.key(0)
TEXT = TextSplits("abcab bca cab " * 4, "ab cab bca ab", "bca cab", {}, "made up", "none")


@functools.cache
def task_of(**options):
    recurrent = RecurrentConfig("lstm", hidden_size=H, num_layers=2, **options)
    config = LanguageModelConfig(embedding_size=3, recurrent=recurrent, batch_size=2, eval_batch_size=2, window_size=T)
    return make_task(config, TEXT)


def batch_of(split):
    """The last window, which is padded in evaluation."""
    batches = getattr(task_of().splits, split)
    return jax.tree.map(jnp.asarray, batches.batch(batches.batches_per_epoch - 1))


def by_moving_states(params, carry, batch, lengths, through):
    """The gradients in time [B, T, H] of every part of every layer's state."""
    cell = make_cell("lstm", H)
    carry = jax.tree.map(lambda leaf: jnp.where(batch.starts[:, None], 0.0, leaf), carry)

    def losses(moves):
        states, last, total = list(carry), jnp.zeros(()), jnp.zeros(())
        for t in range(T):
            features = params["embedding"]["embedding"][batch.inputs[:, t]]
            exists = (t < lengths)[:, None]
            for number, name in enumerate(LAYERS):
                own = params["stack"][name]["cell"]
                after, _ = cell.step(own, states[number], cell.project(own, features))
                after = jax.tree.map(lambda leaf, move, t=t: leaf + move[:, t], after, moves[number])
                states[number] = jax.tree.map(functools.partial(jnp.where, exists), after, states[number])
                features = after.h
            logits = features @ params["head"]["kernel"] + params["head"]["bias"]
            nats = optax.softmax_cross_entropy_with_integer_labels(logits, batch.targets[:, t])
            last += jnp.where(t == lengths - 1, nats, 0.0).sum()
            total += jnp.where(t < lengths, nats, 0.0).sum()
        return {"last": last, "all": total}

    moves = jax.tree.map(lambda leaf: jnp.zeros((len(leaf), T, H)), tuple(carry))
    gradients = jax.grad(lambda moves: losses(moves)[through])(moves)
    return {name: gradients[number]._asdict() for number, name in enumerate(LAYERS)}


@pytest.mark.parametrize("through", ["last", pytest.param("all", marks=pytest.mark.slow)])
def test_every_layer_s_states_have_the_gradients_of_moving_them(through):
    task, batch = task_of(), batch_of("validation")
    lengths = np.asarray(batch.lengths)
    assert (lengths < T).any()
    rng = np.random.default_rng(0)
    carry = jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(-1, 1, leaf.shape), leaf.dtype), task.initial_carry(2))

    def measure(params, carry, batch):
        found = task_gradient_flow(task, params, carry, batch, KEY, through=through)
        return found, by_moving_states(params, carry, batch, lengths, through)

    params = random_like(jax.eval_shape(task.init, KEY), seed=1, scale=0.5)
    flow, expected = jit(measure)(params, carry, batch)
    assert set(flow.layers) == {f"stack/{name}" for name in LAYERS}
    for name in LAYERS:
        for part in ("c", "h"):
            norms = np.linalg.norm(expected[name][part], axis=-1)
            for row, length in enumerate(lengths):
                in_time = norms[row, :length][::-1]
                ours = flow.layers[f"stack/{name}"].parts[part][row]
                np.testing.assert_allclose(ours, np.pad(in_time, (0, T - length)), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_the_gradient_norm_and_the_carry_are_those_of_a_training_step():
    task, batch = task_of(), batch_of("train")
    optimizer = make_optimizer(OptimizerConfig("sgd", 0.1), steps_per_epoch=1, total_steps=1)

    def both(state, batch):
        after, info = make_train_step(task, optimizer)(state, batch)
        return task_gradient_flow(task, state.params, state.carry, batch, KEY), info, after

    flow, info, after = jit(both)(jit(lambda: initial_state(task, optimizer, seed=0))(), batch)
    np.testing.assert_allclose(flow.gradient_norm, info.gradient_norm, rtol=1e-5)
    for one, other in zip(jax.tree.leaves(flow.carry), jax.tree.leaves(after.carry), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.slow
def test_states_that_zoneout_keeps_carry_their_gradient_too():
    task, batch = task_of(zoneout_rate=1.0), batch_of("train")
    flow = jit(lambda params, carry: task_gradient_flow(task, params, carry, batch, KEY))(
        jit(task.init)(KEY), task.initial_carry(2)
    )
    norms = np.asarray(flow.layers["stack/layers_1"].parts["h"])
    np.testing.assert_allclose(norms, norms[:, :1].repeat(T, axis=1), rtol=1e-6)
    assert (norms > 0).all()


def test_an_unknown_part_of_the_loss_is_refused_by_name():
    with pytest.raises(SeqlabError, match="unknown through 'lats'; did you mean 'last'"):
        task_gradient_flow(task_of(), {}, (), batch_of("train"), KEY, through="lats")
