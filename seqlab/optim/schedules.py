"""The rate as a pure function of the step.

A schedule is a fraction of the full rate. With s the step from 0, e = floor(s / steps_per_epoch) the epoch from 0,
W the warm-up and S the whole run in steps:

    constant      1
    inverse_time  1 / (1 + decay * e)
    exponential   decay ^ (e / decay_epochs)             a little at every epoch
    step          decay ^ floor(e / decay_epochs)        all at once, every decay_epochs
    cosine        f + (1 - f) * (1 + cos(pi * p)) / 2    p = (s - W) / (S - W) held in [0, 1], f = final_fraction

    rate(s) = rate * min((s + 1) / W, fraction(s))

So the rate grows on a line from rate / W at the first step until it meets the schedule, and is the schedule from
there on. Epochs are those of the data, warm-up included: a warm-up that outlasts the first epoch meets a schedule
that has fallen already. Every schedule is flat or falling, so the two meet once.

References: Loshchilov and Hutter, "SGDR", 2017 (cosine); Goyal et al., "Accurate, Large Minibatch SGD", 2017 (warm-up).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.optim.config import Scalar, ScheduleConfig

# (config, epoch, progress of the run after warm-up in [0, 1]) -> fraction of the full rate
Fraction = Callable[[ScheduleConfig, jax.Array, jax.Array], jax.Array]


def constant(config: ScheduleConfig, epoch: jax.Array, progress: jax.Array) -> jax.Array:
    """The full rate throughout: 1."""
    return jnp.ones(())


def inverse_time(config: ScheduleConfig, epoch: jax.Array, progress: jax.Array) -> jax.Array:
    """The inverse of a divisor that grows with the epoch: 1 / (1 + decay * epoch)."""
    return 1 / (1 + _decay(config) * epoch)


def exponential(config: ScheduleConfig, epoch: jax.Array, progress: jax.Array) -> jax.Array:
    """A constant factor from epoch to epoch: decay ^ (epoch / decay_epochs)."""
    return _factor(config) ** (epoch / jnp.asarray(config.decay_epochs, float))


def step_decay(config: ScheduleConfig, epoch: jax.Array, progress: jax.Array) -> jax.Array:
    """A fall by one factor every few epochs: decay ^ floor(epoch / decay_epochs)."""
    return _factor(config) ** (epoch // jnp.asarray(config.decay_epochs, float))


def cosine(config: ScheduleConfig, epoch: jax.Array, progress: jax.Array) -> jax.Array:
    """Half a cosine wave from 1 to f = final_fraction: f + (1 - f) * (1 + cos(pi * progress)) / 2."""
    return config.final_fraction + (1 - config.final_fraction) * (1 + jnp.cos(jnp.pi * progress)) / 2


SCHEDULES: dict[str, Fraction] = {
    "constant": constant,
    "inverse_time": inverse_time,
    "exponential": exponential,
    "step": step_decay,
    "cosine": cosine,
}


def make_schedule(
    config: ScheduleConfig, learning_rate: Scalar, steps_per_epoch: int, total_steps: int
) -> optax.Schedule:
    """The function from a step, counted from 0, to its rate: what the chain applies and what a run logs.

    Args:
        config: the schedule's name and numbers.
        learning_rate: the full rate.
        steps_per_epoch: updates in one pass over the training split, at least 1.
        total_steps: updates in the whole run, at least 1; cosine ends there, and stays at its end beyond.

    Raises:
        SeqlabError: the name is unknown, its decay is missing or no factor in (0, 1], or a count is below 1.

    >>> rate = make_schedule(ScheduleConfig("inverse_time", decay=1.0), 0.2, steps_per_epoch=10, total_steps=40)
    >>> [round(float(rate(step)), 4) for step in (0, 9, 10, 20, 30)]
    [0.2, 0.2, 0.1, 0.0667, 0.05]
    """
    if config.name not in SCHEDULES:
        raise unknown_name("schedule", config.name, SCHEDULES)
    for name, count in (("steps_per_epoch", steps_per_epoch), ("total_steps", total_steps)):
        if count < 1:
            raise SeqlabError(f"{name} must be at least 1; got {count}. Is there a whole batch in the training split?")
    fraction = SCHEDULES[config.name]
    warmup = jnp.asarray(0 if config.warmup_steps is None else config.warmup_steps, float)

    def schedule(step: jax.typing.ArrayLike) -> jax.Array:
        # The division is of integers, as float32 would misplace the ends of epochs in long runs.
        epoch = jnp.asarray(jnp.asarray(step) // steps_per_epoch, float)
        step = jnp.asarray(step, float)
        progress = jnp.clip((step - warmup) / jnp.maximum(total_steps - warmup, 1), 0, 1)
        scale = fraction(config, epoch, progress)
        if config.warmup_steps is not None:
            scale = jnp.minimum((step + 1) / jnp.maximum(warmup, 1), scale)
        return learning_rate * scale

    jax.eval_shape(schedule, 0)  # What the configuration lacks is missed here, not at the first update.
    return schedule


def _decay(config: ScheduleConfig) -> Scalar:
    if config.decay is None:
        raise SeqlabError(f"schedule '{config.name}' needs a decay; got None. Give one, or choose 'constant'.")
    return config.decay


def _factor(config: ScheduleConfig) -> Scalar:
    decay = _decay(config)
    if not isinstance(decay, jax.Array) and not 0 < decay <= 1:
        raise SeqlabError(f"schedule '{config.name}' needs a decay in (0, 1]; got {decay}. It multiplies the rate.")
    return decay
