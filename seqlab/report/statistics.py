"""What repeated runs say together: mean, spread, and how far the mean itself may be off.

    interval = mean +- t_{0.975, n - 1} sd / sqrt(n)

with sd the standard deviation of the sample (n - 1) and t the quantile of Student's distribution: few runs make a wide
interval.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import SeqlabError


class Spread(NamedTuple):
    """A sample in five numbers.

    Attributes:
        n: how many values.
        mean: their mean.
        sd: their standard deviation; nan for one value.
        low: lower end of the 95% interval of the mean; nan for one value.
        high: its upper end.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float


def spread(values: Sequence[float], confidence: float = 0.95) -> Spread:
    """Mean, standard deviation and interval of a sample.

    Raises:
        SeqlabError: no values.

    References:
        Student, The probable error of a mean, 1908.

    >>> spread([1.0, 2.0, 3.0])._replace(low=0, high=0)
    Spread(n=3, mean=2.0, sd=1.0, low=0, high=0)
    """
    if not len(values):
        raise SeqlabError("a spread needs at least one value; got none.")
    mean = float(np.mean(values))
    if len(values) == 1:
        return Spread(1, mean, math.nan, math.nan, math.nan)
    from scipy.stats import t  # Slow to import, and only reports need it.

    sd = float(np.std(values, ddof=1))
    half = float(t.ppf((1 + confidence) / 2, len(values) - 1)) * sd / math.sqrt(len(values))
    return Spread(len(values), mean, sd, mean - half, mean + half)
