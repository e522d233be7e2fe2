"""What an optimizer and its schedule are made from.

Names and booleans are static: they choose the program. Every number may be a Python number or a JAX scalar, traced
ones included, so that a population under ``vmap`` can give each member its own. A mechanism that is off is ``None``,
never zero, as the program must not depend on a number's value. Python and numpy numbers are checked when a
configuration is made; values inside JAX arrays cannot be, and whoever draws them answers for their ranges.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import jax

from seqlab.core.errors import SeqlabError

Scalar = int | float | jax.Array

# An interval as the error message prints it, and its test.
_Interval = tuple[str, Callable[[float], bool]]
_NON_NEGATIVE: _Interval = ("[0, inf)", lambda x: 0 <= x < math.inf)
_POSITIVE: _Interval = ("(0, inf)", lambda x: 0 < x < math.inf)
_FRACTION: _Interval = ("[0, 1]", lambda x: 0 <= x <= 1)
_AVERAGING: _Interval = ("[0, 1)", lambda x: 0 <= x < 1)


def _check_ranges(config: "ScheduleConfig | OptimizerConfig", ranges: Mapping[str, _Interval]) -> None:
    """Raise SeqlabError for the first static number of ``config`` that lies outside of its interval."""
    for name, (interval, holds) in ranges.items():
        value = getattr(config, name)
        if value is not None and not isinstance(value, jax.Array) and not holds(float(value)):
            hint = " None leaves it out." if getattr(type(config), name) is None else ""
            raise SeqlabError(f"{name} must lie in {interval}; got {value}.{hint}")


@dataclass(frozen=True)
class ScheduleConfig:
    """How the rate changes over a run; the equations are in ``seqlab.optim.schedules``.

    >>> ScheduleConfig(warmup_steps=-1)
    Traceback (most recent call last):
    seqlab.core.errors.SeqlabError: warmup_steps must lie in [0, inf); got -1. None leaves it out.

    Attributes:
        name: a name in ``SCHEDULES``: constant, inverse_time, exponential, step, cosine.
        decay: for inverse_time the growth of the divisor with each epoch, at least 0; for exponential and step the
            factor in (0, 1] by which the rate falls every ``decay_epochs``. These three need it; the others ignore it.
        decay_epochs: epochs in which exponential and step fall by ``decay`` once.
        warmup_steps: steps over which the rate first grows linearly to its full value; ``None``, 0 and 1 mean none.
        final_fraction: cosine ends at this fraction of the full rate.
    """

    name: str = "constant"
    decay: Scalar | None = None
    decay_epochs: Scalar = 1
    warmup_steps: Scalar | None = None
    final_fraction: Scalar = 0.0

    def __post_init__(self) -> None:
        """Check the static numbers."""
        _check_ranges(
            self,
            {
                "decay": _NON_NEGATIVE,
                "decay_epochs": _POSITIVE,
                "warmup_steps": _NON_NEGATIVE,
                "final_fraction": _FRACTION,
            },
        )


@dataclass(frozen=True)
class OptimizerConfig:
    """What ``make_optimizer`` chains together, in the order in which it is applied.

    >>> OptimizerConfig(learning_rate=-0.1)
    Traceback (most recent call last):
    seqlab.core.errors.SeqlabError: learning_rate must lie in [0, inf); got -0.1.

    Attributes:
        name: a name in ``DIRECTIONS``: adam, adamw, sgd, rmsprop.
        learning_rate: the full rate, which the schedule scales.
        l1: weight of the sum of |w| over kernels, as a gradient; ``None`` is off.
        l2: weight of half the sum of w^2 over kernels, as a gradient; ``None`` is off.
        clip_value: each gradient entry is held in [-clip_value, clip_value]; ``None`` is off.
        clip_norm: the norm of all gradients together is held to at most this; ``None`` is off.
        clip_adaptive: each unit's gradient norm is held to at most this times its weights' norm; ``None`` is off.
        momentum: factor of the running sum of directions in sgd and rmsprop; ``None`` is off. Adam's is ``b1``.
        nesterov: momentum (or ``b1``) in Nesterov's form, which looks one step ahead.
        b1: averaging of gradients in adam and adamw.
        b2: averaging of squared gradients in adam and adamw.
        rms_decay: averaging of squared gradients in rmsprop.
        eps: added to the root of the averaged squares in adam, adamw and rmsprop.
        weight_decay: decoupled decay of kernels, for every name: a step shrinks them by rate * weight_decay. ``None``
            is off; adamw, which is adam with it, must be given one.
        schedule: how the rate changes over a run.
    """

    name: str = "adam"
    learning_rate: Scalar = 1e-3
    l1: Scalar | None = None
    l2: Scalar | None = None
    clip_value: Scalar | None = None
    clip_norm: Scalar | None = None
    clip_adaptive: Scalar | None = None
    momentum: Scalar | None = None
    nesterov: bool = False
    b1: Scalar = 0.9
    b2: Scalar = 0.999
    rms_decay: Scalar = 0.9
    eps: Scalar = 1e-8
    weight_decay: Scalar | None = None
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        """Check the static numbers."""
        _check_ranges(
            self,
            {
                "learning_rate": _NON_NEGATIVE,
                "l1": _NON_NEGATIVE,
                "l2": _NON_NEGATIVE,
                "clip_value": _POSITIVE,
                "clip_norm": _POSITIVE,
                "clip_adaptive": _POSITIVE,
                "momentum": _AVERAGING,
                "b1": _AVERAGING,
                "b2": _AVERAGING,
                "rms_decay": _AVERAGING,
                "eps": _POSITIVE,
                "weight_decay": _NON_NEGATIVE,
            },
        )
