"""Optimizers as chains: each link takes the gradients that the link before it gives.

    penalties -> clip by value -> clip by global norm -> adaptive clip -> direction -> + decay * w -> * -rate(step)

Weight decay comes before the rate: the other way round the decay is not scaled by the rate, nor is its sign turned,
and weights grow. It is decoupled (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019) under every
direction, whatever its name: it is added after the direction, so no running average and no clip sees it.

Non-finite gradients. No link repairs or hides one. Under ``clip_norm`` a NaN or an infinity in any leaf makes every
update of that step NaN; under ``clip_value`` an infinity becomes NaN where it stands; without them it reaches the
params and the running averages where it stands. Whoever applies the updates must look at the gradients first and keep
both params and optimizer state where they are not finite. A finite entry beyond 1.8e19 has a square beyond float32:
adam and rmsprop would never move its weight again, and the adaptive clip would silence its unit; ``clip_norm`` and
``clip_value``, which come before, keep it in range.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.optim.config import OptimizerConfig, Scalar
from seqlab.optim.masks import kernel_mask
from seqlab.optim.penalties import add_penalty_gradients
from seqlab.optim.schedules import make_schedule


def adam(config: OptimizerConfig) -> optax.GradientTransformation:
    """The direction m / (sqrt(v) + eps), m and v the bias-corrected averages of g and g^2 (Kingma and Ba, 2015)."""
    inner = optax.scale_by_adam(config.b1, config.b2, config.eps, nesterov=config.nesterov)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        # Its bias correction raises a float to an int32, which JAX's strict promotion of types does not allow.
        with jax.numpy_dtype_promotion("standard"):
            return inner.update(updates, state, params)

    return optax.GradientTransformation(inner.init, update)


def sgd(config: OptimizerConfig) -> optax.GradientTransformation:
    """The gradient g, or with momentum the running sum u <- momentum * u + g (Polyak, 1964)."""
    return _momentum(config)


def rmsprop(config: OptimizerConfig) -> optax.GradientTransformation:
    """The direction g / (sqrt(v) + eps), v <- rms_decay * v + (1 - rms_decay) * g^2; then momentum.

    v starts at 0 and is not corrected for it, so first steps are long. eps stands outside the root, as in Adam. Source:
    Tieleman and Hinton, "Lecture 6.5: rmsprop", 2012.
    """
    return optax.chain(optax.scale_by_rms(config.rms_decay, config.eps, eps_in_sqrt=False), _momentum(config))


def _momentum(config: OptimizerConfig) -> optax.GradientTransformation:
    return optax.identity() if config.momentum is None else optax.trace(config.momentum, config.nesterov)


DIRECTIONS: dict[str, Callable[[OptimizerConfig], optax.GradientTransformation]] = {
    "adam": adam,
    "adamw": adam,  # The decay is a link of its own, open to all.
    "sgd": sgd,
    "rmsprop": rmsprop,
}


def clip_by_value(limit: Scalar) -> optax.GradientTransformation:
    """Hold each entry in [-limit, limit]; an infinite one becomes NaN, where ``optax.clip`` would hide it."""

    def clip(gradient: jax.Array) -> jax.Array:
        return jnp.where(jnp.isinf(gradient), jnp.nan, jnp.clip(gradient, -limit, limit))

    return optax.stateless(lambda gradients, params: jax.tree.map(clip, gradients))


def clip_by_global_norm(max_norm: Scalar) -> optax.GradientTransformation:
    """Scale g by min(1, max_norm / |g|), |g| the norm of all leaves together; within it g is kept bit for bit.

    The norm is that of g / max|g|, so that the squares of exploding gradients do not overflow: with
    ``optax.clip_by_global_norm`` an entry of 1e20 makes the norm infinite and every update 0. A NaN or an infinity
    anywhere makes every leaf NaN.

    References: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.
    """

    def clip(gradients: Any, params: Any) -> Any:
        leaves = jax.tree.leaves(gradients)
        largest = jnp.max(jnp.stack([jnp.max(jnp.abs(leaf), initial=0) for leaf in leaves]))
        largest = jnp.where(largest == 0, 1, largest)
        scaled_norm = jnp.sqrt(sum((jnp.sum(jnp.square(leaf / largest)) for leaf in leaves), jnp.zeros(())))
        # Not "norm > max_norm": that is false for NaN, and would let the other leaves pass as if nothing had happened.
        within = scaled_norm * largest <= max_norm
        return jax.tree.map(lambda leaf: jnp.where(within, leaf, leaf / largest * (max_norm / scaled_norm)), gradients)

    return optax.stateless(clip)


def make_optimizer(config: OptimizerConfig, *, steps_per_epoch: int, total_steps: int) -> optax.GradientTransformation:
    """The whole chain; ``update`` must be given the params.

    A mechanism whose number is ``None`` is no link at all, so the state's structure depends on names and on what is
    ``None``, never on values: under ``vmap`` the numbers may differ from member to member.

    Args:
        config: what to chain together.
        steps_per_epoch: updates in one pass over the training split.
        total_steps: updates in the whole run.

    Raises:
        SeqlabError: the optimizer or schedule is unknown, or lacks a number that it needs.

    References: Brock et al., "High-performance large-scale image recognition without normalization", 2021 (adaptive
        clip; a unit is a column of a matrix).

    >>> optimizer = make_optimizer(OptimizerConfig("sgd", 0.5), steps_per_epoch=1, total_steps=1)
    >>> params = {"kernel": jnp.array([2.0])}
    >>> updates, state = optimizer.update({"kernel": jnp.array([1.0])}, optimizer.init(params), params)
    >>> optax.apply_updates(params, updates)
    {'kernel': Array([1.5], dtype=float32)}
    """
    if config.name not in DIRECTIONS:
        raise unknown_name("optimizer", config.name, DIRECTIONS)
    if config.name == "adamw" and config.weight_decay is None:
        raise SeqlabError("optimizer 'adamw' needs weight_decay; got None. Give one (0.01 is usual), or choose 'adam'.")
    links = []
    if config.l1 is not None or config.l2 is not None:
        links.append(add_penalty_gradients(l1=config.l1, l2=config.l2))
    if config.clip_value is not None:
        links.append(clip_by_value(config.clip_value))
    if config.clip_norm is not None:
        links.append(clip_by_global_norm(config.clip_norm))
    if config.clip_adaptive is not None:
        links.append(optax.adaptive_grad_clip(config.clip_adaptive))
    links.append(DIRECTIONS[config.name](config))
    if config.weight_decay is not None:
        links.append(optax.add_decayed_weights(config.weight_decay, mask=kernel_mask))
    schedule = make_schedule(config.schedule, config.learning_rate, steps_per_epoch, total_steps)
    links.append(optax.scale_by_learning_rate(schedule))
    return optax.chain(*links)
