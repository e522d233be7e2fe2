"""A generated series with seasons: two hourly columns that a forecaster can do better on than naive rules.

    load         = 10 + daily wave * (1 + 0.4 weekend) + weather + noise
    temperature  = 15 + weather', a slow autoregression, + daily wave + noise

The weather is an autoregression that drives both columns, the load two hours later; half of its next day can be known.
"""

from datetime import datetime

import numpy as np

from seqlab.data.loaders.dated_csv import Series, Width

NUM_HOURS = 24 * 7 * 20
PERSISTENCE, DELAY = 0.98, 2


def seasonal_series(num_hours: int = NUM_HOURS, seed: int = 0) -> Series:
    """Draws the series, the same for the same seed.

    >>> series = seasonal_series(48)
    >>> series.columns, series.values.shape, str(series.width)
    (('load', 'temperature'), (48, 2), '1:00:00')
    """
    rng = np.random.default_rng((41, seed))
    hours = np.arange(num_hours)
    innovations = rng.normal(0, np.sqrt(1 - PERSISTENCE**2), num_hours + DELAY)
    weather = np.empty(num_hours + DELAY)
    state = rng.normal()
    for hour, innovation in enumerate(innovations):
        weather[hour] = state = PERSISTENCE * state + innovation
    daily = np.sin(2 * np.pi * (hours - 8) / 24) + 0.5 * np.sin(4 * np.pi * (hours - 6) / 24)
    weekend = (hours // 24) % 7 >= 5
    load = 10 + 2 * daily * (1 - 0.4 * weekend) - 1.5 * weather[:-DELAY] + rng.normal(0, 0.3, num_hours)
    temperature = 15 + 4 * weather[DELAY:] + 2 * np.sin(2 * np.pi * (hours - 9) / 24) + rng.normal(0, 0.5, num_hours)
    width, start = Width(0, 3600.0), datetime(2020, 1, 6)
    dates = [width.after(start, step) for step in range(num_hours)]
    return Series(("load", "temperature"), dates, np.stack([load, temperature], axis=1), width, "the seasonal series")
