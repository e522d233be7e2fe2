"""Series in three parts, by name or from a file of the user's own, and their scaling.

The parts follow each other in time: training first, then validation, then test. Scaling is by mean and standard
deviation of each column over the training part alone.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import DataError, SeqlabError, unknown_name
from seqlab.data.files import locate, sha256_of
from seqlab.data.loaders.dated_csv import Series, Width, read_dated_csv
from seqlab.data.registry import DATASETS, DEFAULT_FRACTIONS, Fractions

__all__ = ["BUILTIN_SERIES", "Scaling", "Series", "SeriesSplits", "load_series"]

BUILTIN_SERIES = "seasonal"
FORMAT = "series"


class SeriesSplits(NamedTuple):
    """A series in three parts that follow each other.

    Attributes:
        train: what the model and the scaling are made from.
        validation: what choices are made on.
        test: read by the final evaluation alone.
        checksums: file name -> sha256 of its bytes; of a generated series, of its numbers.
        description: what the series is.
        licence: under which terms it is given.
    """

    train: Series
    validation: Series
    test: Series
    checksums: dict[str, str]
    description: str
    licence: str


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
            mean, deviation = (np.array(content[name], np.float64) for name in ("mean", "deviation"))
            return cls(tuple(content["columns"]), mean, deviation, Width(**content["width"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
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
        gaps: whether a file's empty fields are missing values, instead of an error.

    Raises:
        SeqlabError: an unknown name, format or column, a file that cannot be had, or wrong fractions.
        DataError: a file with another checksum or with wrong rows.

    >>> load_series("builtin", data_dir="data").train.columns
    ('load', 'temperature')
    """
    kind, colon, path = dataset.partition(":")
    if colon:
        if kind != "csv":
            raise unknown_name("format", kind, ["csv"])
        own = read_dated_csv(Path(path).expanduser(), columns, gaps=gaps)
        checksums = {path: sha256_of(Path(path).expanduser())}
        return SeriesSplits(*own.split(fractions), checksums, f"the series of {path}", "the user's own")
    name = BUILTIN_SERIES if dataset == "builtin" else dataset
    if name not in DATASETS or DATASETS[name].format != FORMAT:
        known = [known for known, entry in DATASETS.items() if entry.format == FORMAT]
        raise unknown_name("dataset", name, [*known, "builtin", "csv:PATH"])
    entry = DATASETS[name]
    paths = {file: locate(name, file, remote, data_dir) for file, remote in entry.files.items()}
    train, validation, test = (_with_columns(part, columns) for part in entry.read(paths, fractions))
    parts = (train, validation, test)
    checksums = {file: remote.sha256 for file, remote in entry.files.items()} or {name: _sha256_of(parts)}
    return SeriesSplits(*parts, checksums, entry.description, entry.licence)


def _with_columns(series: Series, columns: Sequence[str]) -> Series:
    for name in columns:
        if name not in series.columns:
            raise unknown_name("column", name, series.columns)
    chosen = [series.columns.index(name) for name in columns] or list(range(len(series.columns)))
    return series._replace(columns=tuple(series.columns[i] for i in chosen), values=series.values[:, chosen])


def _sha256_of(parts: Sequence[Series]) -> str:
    return hashlib.sha256(np.concatenate([part.values for part in parts]).tobytes()).hexdigest()
