"""What a forecaster says of a number: a point, a Gaussian, or quantiles.

An answer is an array [..., P]; the table says what its P numbers are. Some of them lie on the axis of what is forecast
(``located``) and move along when a level is added to it; one of these is the point forecast.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float
from seqlab.losses import WeightedSum, squared_error
from seqlab.losses.gaussian import gaussian_nll
from seqlab.losses.pinball import pinball
from seqlab.metrics.crps import gaussian_crps, quantile_crps

LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))
# Normal quantiles of the central intervals that are reported, by the share that they should cover.
INTERVALS = {50: 0.6744897501960817, 90: 1.6448536269514722}
# Beyond these a deviation says nothing, and its exponential overflows.
LOWEST, HIGHEST = -7.0, 7.0

Interval = tuple[Float[Array, "*B"], Float[Array, "*B"]]


class OutputDistribution(NamedTuple):
    """One kind of answer.

    Attributes:
        located: of each of the P numbers, whether it moves along with the level.
        point_index: which of them is the point forecast.
        loss: (answer, targets, mask) -> (weighted sum, weight).
        crps: (answer, targets) -> the score of each element.
        interval: (answer, percent, a key of ``INTERVALS``) -> lower and upper ends; ``None`` for a point.
    """

    located: tuple[bool, ...]
    point_index: int
    loss: Callable[[Array, Array, Array | None], WeightedSum]
    crps: Callable[[Array, Array], Array]
    interval: Callable[[Array, int], Interval] | None

    def point(self, answer: Float[Array, "*B P"]) -> Float[Array, "*B"]:
        """The point forecast."""
        return answer[..., self.point_index]


def _log_deviation(answer: Array) -> Array:
    return jnp.clip(answer[..., 1], LOWEST, HIGHEST)


def _gaussian_loss(
    answer: Float[Array, "*B P"], targets: Float[Array, "*B"], mask: Bool[Array, "*B"] | None
) -> WeightedSum:
    return gaussian_nll(answer[..., 0], _log_deviation(answer), targets, mask)


def _gaussian_crps(answer: Float[Array, "*B P"], targets: Float[Array, "*B"]) -> Float[Array, "*B"]:
    return gaussian_crps(answer[..., 0], jnp.exp(_log_deviation(answer)), targets)


def _gaussian_interval(answer: Float[Array, "*B P"], percent: int) -> Interval:
    reach = INTERVALS[percent] * jnp.exp(_log_deviation(answer))
    return answer[..., 0] - reach, answer[..., 0] + reach


def _quantile_interval(answer: Float[Array, "*B P"], percent: int) -> Interval:
    # Quantiles are learned apart and may cross; in order they are never worse (Chernozhukov et al., 2010).
    ordered = jnp.sort(answer, axis=-1)
    low, high = (LEVELS.index(round(0.5 + sign * percent / 200, 2)) for sign in (-1, 1))
    return ordered[..., low], ordered[..., high]


DISTRIBUTIONS: dict[str, OutputDistribution] = {
    "point": OutputDistribution(
        located=(True,),
        point_index=0,
        loss=lambda answer, targets, mask: squared_error(answer[..., 0], targets, mask),
        crps=lambda answer, targets: jnp.abs(answer[..., 0] - targets),
        interval=None,
    ),
    "gaussian": OutputDistribution(
        located=(True, False),
        point_index=0,
        loss=_gaussian_loss,
        crps=_gaussian_crps,
        interval=_gaussian_interval,
    ),
    "quantile": OutputDistribution(
        located=(True,) * len(LEVELS),
        point_index=LEVELS.index(0.5),
        loss=lambda answer, targets, mask: pinball(answer, LEVELS, targets, mask),
        crps=lambda answer, targets: quantile_crps(jnp.sort(answer, axis=-1), LEVELS, targets),
        interval=_quantile_interval,
    ),
}
