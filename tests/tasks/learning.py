"""A task learning a few batches, or one by heart, which is the least that a loss and a model that fit can do."""

import jax

from seqlab.optim import OptimizerConfig, make_optimizer
from seqlab.tasks.base import Hyper
from seqlab.train.state import initial_state
from seqlab.train.step import make_train_step


def learn(task, batches, *, learning_rate=0.03, hyper=Hyper(), jit=jax.jit):
    """The params after a step on each batch, and the loss before each; every step has to be finite."""
    optimizer = make_optimizer(OptimizerConfig("adam", learning_rate), steps_per_epoch=1, total_steps=len(batches))
    step = jit(make_train_step(task, optimizer, hyper))
    state = jit(lambda: initial_state(task, optimizer, 0))()
    losses = []
    for batch in batches:
        state, info = step(state, batch)
        assert bool(info.finite)
        losses.append(info.metrics["loss"].compute())
    return state.params, losses
