"""A whole training step of a character language model, in tokens a second.

    embedding -> LSTM layers -> softmax;  mean cross-entropy;  gradient clipped by its global norm;  Adam

Every call takes one step on the next batch and waits for its loss. seqlab's step is its own (``seqlab.train``), and
does more than the peers': the state goes on from window to window, and a step that is not finite is not applied.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.benchmarks import timing, torch_peer
from experiments.benchmarks.jax_layers import FLAX_CELLS
from experiments.benchmarks.peers import PEERS
from seqlab.data.batch import Batch
from seqlab.data.texts import TextSplits
from seqlab.layers.config import RecurrentConfig
from seqlab.optim import OptimizerConfig, make_optimizer
from seqlab.tasks.base import Task
from seqlab.tasks.language_model import LanguageModelConfig, make_task
from seqlab.train import initial_state, make_train_step

NUM_BATCHES = 4
PRINTABLE = [chr(code) for code in range(33, 127)]
SPECIAL_TOKENS = 2  # The unknown token and the boundary, which seqlab's vocabulary always holds.


@dataclass(frozen=True)
class TrainingConfig:
    """The model, its batches and its optimizer.

    Attributes:
        batch_size: rows B.
        window_size: time steps T.
        num_tokens: size V of the vocabulary, at most 96.
        embedding_size: width of the embedding.
        hidden_size: width H of each LSTM layer.
        num_layers: depth L.
        learning_rate: Adam's rate.
        clip_norm: longest global norm of the gradient.
    """

    batch_size: int = 64
    window_size: int = 128
    num_tokens: int = 96
    embedding_size: int = 64
    hidden_size: int = 256
    num_layers: int = 2
    learning_rate: float = 1e-3
    clip_norm: float = 1.0


def measure(
    engines: Sequence[str], peers: Sequence[str], repeats: int, config: TrainingConfig | None = None
) -> dict[str, Any]:
    """Times the step of each of seqlab's engines and of each peer that has one.

    Ratios are of tokens a second, ours over the peer's: above 1 we are the faster one.
    """
    config = config or TrainingConfig()
    timings = timing.interleave(competitors(config, engines, peers), repeats)
    seconds = {name: each.median for name, each in timings.items()}
    return {
        "config": asdict(config),
        "seconds": seconds,
        "fastest_seconds": {name: each.fastest for name, each in timings.items()},
        "tokens_per_second": {name: config.batch_size * config.window_size / time for name, time in seconds.items()},
        "ratios": {name: 1 / ratio for name, ratio in timing.ratios(seconds).items()},
    }


def competitors(config: TrainingConfig, engines: Sequence[str], peers: Sequence[str]) -> dict[str, Callable[[], float]]:
    """A call for each of seqlab's engines and for each peer that takes one training step and returns its loss."""
    tasks = {engine: language_model(config, engine) for engine in engines}
    task = next(iter(tasks.values()), None) or language_model(config, "auto")
    batches = [task.splits.train.batch(step) for step in range(NUM_BATCHES)]
    pairs = [(batch.inputs, batch.targets) for batch in batches]
    calls = {f"{timing.OURS}{engine}": seqlab_call(config, task, batches) for engine, task in tasks.items()}
    for name in peers:
        if PEERS[name].trains:
            sizes = {key: value for key, value in asdict(config).items() if key not in ("batch_size", "window_size")}
            calls[name] = torch_peer.training_call(pairs, **sizes) if name == "torch" else flax_call(config, pairs)
    return calls


def language_model(config: TrainingConfig, engine: str) -> Task:
    """The task of seqlab on a random text of just the characters that fill the vocabulary."""
    alphabet = PRINTABLE[: config.num_tokens - SPECIAL_TOKENS]
    length = (NUM_BATCHES + 1) * config.batch_size * config.window_size
    text = "".join([*alphabet, *np.random.default_rng(0).choice(alphabet, length)])
    recurrent = RecurrentConfig("lstm", config.hidden_size, config.num_layers, engine=engine)
    return make_task(
        LanguageModelConfig(
            embedding_size=config.embedding_size,
            recurrent=recurrent,
            batch_size=config.batch_size,
            window_size=config.window_size,
        ),
        TextSplits(text, text[:100], text[:100], {}, "random characters", ""),
    )


def seqlab_call(config: TrainingConfig, task: Task, batches: Sequence[Batch]) -> Callable[[], float]:
    """The step of seqlab itself."""
    optimizer = make_optimizer(
        OptimizerConfig("adam", config.learning_rate, clip_norm=config.clip_norm), steps_per_epoch=1, total_steps=1
    )
    step = make_train_step(task, optimizer)

    def step_and_loss(state: Any, batch: Batch) -> tuple[Any, jax.Array]:
        state, info = step(state, batch)
        return state, info.metrics["loss"].total / info.metrics["loss"].weight

    return _stepping(step_and_loss, initial_state(task, optimizer, 0), batches)


class FlaxModel(nn.Module):
    """The same model from Flax's parts.

    Attributes:
        config: its sizes.
    """

    config: TrainingConfig

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        """Ids [B, T] in, logits [B, T, V] out."""
        hidden: Any = nn.Embed(self.config.num_tokens, self.config.embedding_size)(ids)
        for _ in range(self.config.num_layers):
            hidden = nn.RNN(FLAX_CELLS["lstm"](self.config.hidden_size))(hidden)
        return nn.Dense(self.config.num_tokens)(hidden)


def flax_call(config: TrainingConfig, batches: Sequence[tuple[np.ndarray, np.ndarray]]) -> Callable[[], float]:
    """The step of Flax and optax, as in their examples."""
    model = FlaxModel(config)
    optimizer = optax.chain(optax.clip_by_global_norm(config.clip_norm), optax.adam(config.learning_rate))

    def step(state: Any, batch: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
        params, opt_state = state
        inputs, targets = batch

        def mean_loss(params: Any) -> jax.Array:
            logits: Any = model.apply(params, inputs)
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, targets))

        loss, gradient = jax.value_and_grad(mean_loss)(params)
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    params = model.init(jax.random.key(0), batches[0][0])
    return _stepping(step, (params, optimizer.init(params)), batches)


def _stepping(
    step: Callable[[Any, Any], tuple[Any, jax.Array]], state: Any, batches: Sequence[Any]
) -> Callable[[], float]:
    """Calls that each take one compiled step, on one batch after the other, and wait for all that it changes."""
    compiled, queue = jax.jit(step, donate_argnums=0), itertools.cycle(batches)

    def run() -> float:
        nonlocal state
        state, loss = compiled(state, next(queue))
        jax.block_until_ready(state)
        return float(loss)

    return run
