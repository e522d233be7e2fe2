"""A language model with every option of its recurrent layers at once."""

import functools
from typing import Any

import jax
import numpy as np
import optax
import pytest

from seqlab.core.trees import leaf_name, named_leaves
from seqlab.data.texts import TextSplits
from seqlab.layers.config import RecurrentConfig
from seqlab.tasks.base import Hyper
from seqlab.tasks.language_model import LanguageModelConfig, make_task
from seqlab.train import make_train_step
from seqlab.train.state import initial_state
from seqlab.train.step import chunk_of
from tests.contracts.cases import jit

TEXTS = TextSplits("the cat sat on a mat.\n" * 12, "a cat sat.\n" * 4, "the mat sat.\n" * 4, {}, "made up", "none")
NOISY = Hyper(dropout_rate=0.1, state_dropout_rate=0.1, weight_drop_rate=0.1)


@functools.cache
def task_of() -> Any:
    options: dict[str, Any] = {"skip_connections": "dense", "variational_dropout": True, "zoneout_rate": 0.1}
    recurrent = RecurrentConfig("vanilla", 16, num_layers=2, learned_carry=True, **options)
    return make_task(LanguageModelConfig(recurrent=recurrent, embedding_size=6, batch_size=4, window_size=8), TEXTS)


@functools.cache
def trained(seed: int) -> Any:
    """The state after forty steps, and the loss of each."""
    task, optimizer = task_of(), optax.adam(0.02)
    batches = [task.splits.train.batch(step) for step in range(40)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *batches)
    chunk = chunk_of(make_train_step(task, optimizer, NOISY))
    with jax.numpy_dtype_promotion("standard"):  # Adam raises a float to the power of an integer.
        state, info = jit(lambda: chunk(initial_state(task, optimizer, seed=seed), stacked))()
    return state, np.asarray(info.metrics["loss"].total)


def test_it_learns_its_first_states_among_the_rest():
    state, losses = trained(0)
    assert np.isfinite(losses).all()
    assert losses[-5:].mean() < 0.7 * losses[:5].mean()
    first = {name: leaf for name, leaf in named_leaves(state.params).items() if "initial_" in name}
    assert {name.split("/")[1] for name in first} == {"layers_0", "layers_1"}
    assert all(np.all(leaf) for leaf in first.values())


def test_its_evaluation_draws_nothing_and_begins_from_the_learned_states():
    task, params = task_of(), trained(0)[0].params
    batch = task.splits.validation.batch(0)
    evaluate = jit(task.evaluate)
    one, carry = evaluate(params, task.initial_carry(len(batch.inputs)), batch)
    # Rows that start forget the carry that they are given, whatever it is.
    other, same = evaluate(params, jax.tree.map(lambda leaf: leaf + 1, task.initial_carry(len(batch.inputs))), batch)
    assert batch.starts.all()
    jax.tree.map(np.testing.assert_array_equal, (one, carry), (other, same))
    plain = jax.tree_util.tree_map_with_path(without_first_states, params)
    assert float(evaluate(plain, carry, batch)[0]["loss"].total) != pytest.approx(float(one["loss"].total), rel=1e-4)


def without_first_states(path: Any, leaf: Any) -> Any:
    return 0 * leaf if "initial_" in leaf_name(path) else leaf
