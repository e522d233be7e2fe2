"""Series in three parts, by name or from a file of the user's own, and their scaling.

The parts follow each other in time: training first, then validation, then test. Scaling is by mean and standard
deviation of each column over the training part alone.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from seqlab.core.errors import DataError, SeqlabError, unknown_name
from seqlab.data.entry import Fractions
from seqlab.data.loaders.dated_csv import Series, Width, read_dated_csv
from seqlab.data.own_files import one_path
from seqlab.data.registry import DEFAULT_FRACTIONS, Kind, load_data
from seqlab.data.splits import DataSplits

__all__ = ["Scaling", "Series", "SeriesSplits", "load_series", "series_kind"]

SeriesSplits: TypeAlias = DataSplits[Series]


def series_kind(columns: Sequence[str] = (), gaps: bool = False) -> Kind:
    """What is read; of files of the user's own these columns, and their empty fields as gaps or as errors."""
    return Kind(
        format="series",
        builtin="seasonal",
        formats={
            "csv": one_path(
                lambda path: read_dated_csv(path, columns, gaps=gaps),
                split=lambda series, fractions: series.split(fractions),
            )
        },
        content=lambda series: [series.values.tobytes()],
    )


class Scaling(NamedTuple):
    """z = (value - mean) / deviation, column by column.

    Attributes:
        columns: the names of the C columns.
        mean: [C], of the training part.
        deviation: [C], its standard deviation.
        width: from one row to the next, which a prediction's rows need to have too.
    """

    columns: tuple[str, ...]
    mean: np.ndarray
    deviation: np.ndarray
    width: Width

    @classmethod
    def of(cls, train: Series) -> "Scaling":
        """The scaling of a training part; missing values are left out.

        Raises:
            DataError: a column without values, or with one value alone.
        """
        for name, column in zip(train.columns, train.values.T, strict=True):
            seen = column[np.isfinite(column)]
            if not seen.size or seen.min() == seen.max():
                found = f"{seen[0]} in every row" if seen.size else "none at all"
                raise DataError(
                    f"{train.source}: expected numbers that vary in column '{name}' of the training part; found "
                    f"{found}. Leave it out with --target_columns."
                )
        return cls(train.columns, np.nanmean(train.values, axis=0), np.nanstd(train.values, axis=0), train.width)

    def scale(self, values: np.ndarray) -> np.ndarray:
        """Values [..., C] in units of the series as scaled ones."""
        return (values - self.mean) / self.deviation

    def unscale(self, values: np.ndarray) -> np.ndarray:
        """Scaled values [..., C] in units of the series."""
        return values * self.deviation + self.mean

    def save(self, path: Path) -> None:
        """Writes the scaling as JSON."""
        numbers = {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}
        content = {"columns": self.columns, **numbers, "width": self.width._asdict()}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Scaling":
        """Reads what `save` wrote.

        Raises:
            SeqlabError: no such file, or another content.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            columns = tuple(str(name) for name in content["columns"])
            mean, deviation = (np.array(content[name], np.float64) for name in ("mean", "deviation"))
            if mean.shape != (len(columns),) or deviation.shape != mean.shape:
                raise ValueError("there is not a mean and a deviation for each column")
            width = Width(int(content["width"]["months"]), float(content["width"]["seconds"]))
            if not np.isfinite([*mean, *deviation, *width]).all() or not all(deviation):
                raise ValueError("a number is not finite, or a deviation 0")
            return cls(columns, mean, deviation, width)
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise SeqlabError(f"{path}: expected the scaling of a run; {error}.") from error


def load_series(
    dataset: str,
    *,
    data_dir: Path | str,
    fractions: Fractions = DEFAULT_FRACTIONS,
    columns: Sequence[str] = (),
    gaps: bool = False,
) -> SeriesSplits:
    """A series with dates.

    Args:
        dataset: a name of the registry whose format is ``series``; ``builtin``; or ``csv:PATH``, a file as
            `seqlab.data.loaders.dated_csv` reads it.
        data_dir: where the registry's files are looked for, and downloaded to.
        fractions: shares of the rows, where the data set has no split of its own.
        columns: the columns to forecast; none for all.
        gaps: whether missing values (a file's empty fields) are taken, nan in the result, instead of an error.

    Raises:
        SeqlabError: an unknown name, format or column, a file that cannot be had, or wrong fractions.
        DataError: a file with another checksum or with wrong rows.

    >>> load_series("builtin", data_dir="data").train.columns
    ('load', 'temperature')
    """
    splits = load_data(dataset, series_kind(columns, gaps), data_dir=data_dir, fractions=fractions)
    train, validation, test = (_with_columns(part, columns) for part in splits.parts)
    missing = np.isnan(np.concatenate([part.values for part in (train, validation, test)])).mean()
    if missing and not gaps:
        raise DataError(
            f"{train.source}: expected a value in every row; {missing:.0%} are missing. Read them with --gaps=mask."
        )
    return replace(splits, train=train, validation=validation, test=test)


def _with_columns(series: Series, columns: Sequence[str]) -> Series:
    for name in columns:
        if name not in series.columns:
            raise unknown_name("column", name, series.columns)
    chosen = [series.columns.index(name) for name in columns] or list(range(len(series.columns)))
    return series._replace(columns=tuple(series.columns[i] for i in chosen), values=series.values[:, chosen])
