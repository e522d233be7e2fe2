"""Random search: each setting is drawn on its own, as a function of the seed and its index alone.

Where few of the varied names matter, a random setting tries a new value of those every time, and a grid does not.

Reference: Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization" (JMLR 2012).
"""

import numpy as np

from seqlab.sweeps.space import Choices, Integers, Settings, Space, Values, at, points


def draw(space: Space, seed: int, index: int) -> Settings:
    """The setting of an index: lists and integers evenly, ranges evenly, or evenly in the logarithm.

    Every name has a draw of its own, whether its condition holds or not, so what one name is does not move the others.

    >>> from seqlab.sweeps.space import parse_space
    >>> space = parse_space(["cell=gru,lstm", "learning_rate=log:1e-4:1e-1"])
    >>> draw(space, seed=0, index=7) == draw(space, seed=0, index=7)
    True

    Args:
        space: what is varied.
        seed: of the sweep.
        index: of the setting, from 0 on.
    """
    settings: Settings = {}
    shares = np.random.default_rng([seed, index]).random(len(space))
    for dimension, share in zip(space, shares, strict=True):
        if dimension.is_active(settings):
            settings[dimension.name] = _value(dimension.values, float(share))
    return settings


def _value(values: Values, share: float) -> str:
    """The value at a share in [0, 1) of all values."""
    if isinstance(values, Integers):
        return str(values.low + int(share * (values.high - values.low + 1)))
    if isinstance(values, Choices) or values.num_points:
        known = points(values)
        return known[int(share * len(known))]
    return at(values, share)
