"""Two tasks that are small enough to be followed by hand, and an observer that remembers what it was told.

``echo_task`` is a recurrent regression with noise from the key, so that data, carry, key and optimizer all matter.
``scripted_task`` has one number w, which a step of sgd with rate 1 raises by 1: its validation loss after k steps is
the k-th number of a given curve.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from seqlab.core.keys import for_purpose
from seqlab.core.masks import select
from seqlab.data.batch import Batch, Splits
from seqlab.metrics import Mean
from seqlab.optim import OptimizerConfig, make_optimizer
from seqlab.tasks.base import Hyper, Loss, Task

ROWS, WINDOW, WIDTH = 3, 4, 2
BATCHES_PER_EPOCH = 5

# These programs run once or twice, so compiling is what they cost.
UNOPTIMIZED = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
jit = functools.partial(jax.jit, compiler_options=UNOPTIMIZED)


class Signals:
    """Random windows; a batch is a function of the step, and the batches in ``broken`` hold one nan."""

    def __init__(self, seed: int, broken: tuple[int, ...] = ()) -> None:
        self.batches_per_epoch = BATCHES_PER_EPOCH
        self._seed, self._broken = seed, broken

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self._seed, step))
        inputs = rng.standard_normal((ROWS, WINDOW)).astype(np.float32)
        targets = np.roll(inputs, 1, axis=1)
        if step in self._broken:
            inputs[1, 2] = np.nan
        return Batch(inputs, targets, starts=np.full(ROWS, step % BATCHES_PER_EPOCH == 0))


class Untouchable:
    """A split that must not be read."""

    batches_per_epoch = 1

    def batch(self, step: int) -> Batch:
        raise AssertionError(f"the test split was read, batch {step}")


def initial_carry(batch_size: int) -> Any:
    return jnp.zeros((batch_size, WIDTH))


def uniform(key: Any) -> Any:
    """Two numbers in [-1, 1) that are quickly compiled: the key's own bits."""
    return jax.random.key_data(key).astype(jnp.float32) / 2.0**31 - 1.0


def echo(params: Any, carry: Any, inputs: Any) -> tuple[Any, Any]:
    """Predictions [B, T] and the carry after them."""

    def step(carry: Any, x_t: Any) -> tuple[Any, Any]:
        carry = jnp.tanh(carry @ params["recurrent_kernel"] + x_t[:, None] * params["input"])
        return carry, carry @ params["output"]

    carry, outputs = jax.lax.scan(step, carry, inputs.T)
    return outputs.T, carry


def echo_task(broken: tuple[int, ...] = ()) -> Task:
    def init(key: Any) -> Any:
        return {
            "input": jnp.array([0.5, -0.3]),
            "output": uniform(key),
            "recurrent_kernel": jnp.array([[0.4, 0.2], [-0.1, 0.6]]),
        }

    def loss(params: Any, carry: Any, batch: Batch, key: Any, hyper: Hyper) -> Loss:
        carry = select(jnp.asarray(batch.starts), initial_carry(ROWS), carry)
        outputs, carry = echo(params, carry, batch.inputs)
        if hyper.dropout_rate:
            outputs = outputs + hyper.dropout_rate * uniform(for_purpose(key, "noise"))[0]
        total = ((outputs - batch.targets) ** 2).sum()
        weight = jnp.array(outputs.size, jnp.float32)
        return Loss(total, weight, carry, {"loss": Mean(total, weight)})

    def evaluate(params: Any, carry: Any, batch: Batch) -> tuple[Any, Any]:
        carry = select(jnp.asarray(batch.starts), initial_carry(ROWS), carry)
        outputs, carry = echo(params, carry, batch.inputs)
        return {"loss": Mean(((outputs - batch.targets) ** 2).sum(), jnp.array(outputs.size, jnp.float32))}, carry

    return Task(
        name="echo",
        splits=Splits(Signals(1, broken), Signals(2), Untouchable()),
        init=init,
        initial_carry=initial_carry,
        loss=loss,
        evaluate=evaluate,
        batch_sizes={"train": ROWS, "validation": ROWS, "test": ROWS},
        scores=dict,
        baselines=dict,
        artifacts={},
        show=lambda params, key: "",
        headline="loss",
        unit="samples",
    )


class Ones:
    """One row of one number."""

    batches_per_epoch = 1

    def batch(self, step: int) -> Batch:
        return Batch(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32))


def scripted_task(curve: list[float]) -> Task:
    def loss(params: Any, carry: Any, batch: Batch, key: Any, hyper: Hyper) -> Loss:
        one = jnp.ones(())
        return Loss(-params["w"], one, carry, {"loss": Mean(one, one)})

    def evaluate(params: Any, carry: Any, batch: Batch) -> tuple[Any, Any]:
        value = jnp.asarray(curve, jnp.float32)[params["w"].astype(jnp.int32)]
        return {"loss": Mean(value, jnp.ones(()))}, carry

    return echo_task()._replace(
        splits=Splits(Ones(), Ones(), Untouchable()),
        init=lambda key: {"w": jnp.zeros(())},
        initial_carry=lambda batch_size: (),
        loss=loss,
        evaluate=evaluate,
    )


def plus_one() -> optax.GradientTransformation:
    """The optimizer under which w of a scripted task counts the steps."""
    return optax.sgd(1.0)


def adam(learning_rate: float = 0.05) -> optax.GradientTransformation:
    return make_optimizer(OptimizerConfig("adam", learning_rate), steps_per_epoch=BATCHES_PER_EPOCH, total_steps=12)


class Record(NamedTuple):
    step: int
    split: str
    scores: dict[str, float]


class Recorder:
    """Remembers what it is told, apart from the pace."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def record(self, step: int, split: str, scores: dict[str, float], pace: float | None = None) -> None:
        assert (pace is not None) == (split == "train")
        self.records.append(Record(step, split, dict(scores)))

    def steps(self, split: str) -> list[int]:
        return [record.step for record in self.records if record.split == split]


def stop_after(num_chunks: int) -> Any:
    """A ``should_stop`` that is asked before each chunk, and says yes when that many are done."""
    asked = iter(range(num_chunks))
    return lambda: next(asked, None) is None


def to_numpy(tree: Any) -> Any:
    """Leaves as numpy arrays, typed keys as their data."""

    def leaf(value: Any) -> Any:
        is_key = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
        return np.array(jax.random.key_data(value) if is_key else value)

    return jax.tree.map(leaf, tree)


def assert_same(first: Any, second: Any) -> None:
    """Two trees are equal bit for bit, in structure, types and values."""
    first, second = to_numpy(first), to_numpy(second)
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
