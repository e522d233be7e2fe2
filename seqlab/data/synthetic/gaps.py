"""Values taken out of a series, as sensors lose them: one by one, and for hours in a row.

Each column loses its own: a share of single values, and blocks of 6 to 48 rows that start anywhere and may overlap.
What is missing depends on no value, so what is left is a fair sample.
"""

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.loaders.dated_csv import Series

SHORTEST_BLOCK, LONGEST_BLOCK = 6, 48


def with_losses(series: Series, single_share: float = 0.3, block_share: float = 0.3, seed: int = 0) -> Series:
    """The series with nan where values are lost, the same for the same seed.

    Args:
        series: without gaps.
        single_share: probability that a value is lost by itself.
        block_share: probability that it lies in a block that is lost, but near the first row.
        seed: of the draws.

    Raises:
        SeqlabError: shares outside [0, 1).

    >>> from seqlab.data.synthetic.seasonal import seasonal_series
    >>> lost = np.isnan(with_losses(seasonal_series()).values)
    >>> lost.mean(axis=0).round(2).tolist()
    [0.54, 0.5]
    """
    if not (0 <= single_share < 1 and 0 <= block_share < 1):
        raise SeqlabError(f"shares of lost values must lie in [0, 1); got {single_share} and {block_share}.")
    rng = np.random.default_rng((42, seed))
    num_rows, num_columns = series.values.shape
    lost = rng.random((num_rows, num_columns)) < single_share
    # A row is in no block if none of the L rows up to it starts one: (1 - rate)^L = 1 - block_share.
    rate = 1 - (1 - block_share) ** (2 / (SHORTEST_BLOCK + LONGEST_BLOCK))
    starts = rng.random((num_rows, num_columns)) < rate
    lengths = rng.integers(SHORTEST_BLOCK, LONGEST_BLOCK, (num_rows, num_columns), endpoint=True)
    for row, column in np.argwhere(starts):
        lost[row : row + lengths[row, column], column] = True
    return series._replace(values=np.where(lost, np.nan, series.values), source=f"{series.source} with gaps")
