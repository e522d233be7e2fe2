"""Labelled sequences of vectors as arrays: scaled by what the training split says, and the labels as classes.

    x'_f = (x_f - mean_f) / s_f        mean and standard deviation s over all steps of all training sequences

A channel that never changes in training has s = 1, so that it is zero there. Shares of bases are left as they are. The
channels of a video are those of its pixels, over all places of all frames, and not a place each.
Pixels can be read in another order, one and the same for all images and all runs.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.batch import Batch
from seqlab.data.loaders.dna import base_shares
from seqlab.data.loaders.sensors import LabelledFeatures
from seqlab.data.paged import PagedArrays
from seqlab.tasks.classification_data import LABELS_FILE, load_labels, save_labels

SCALING_FILE = "scaling.json"
LEAST_DEVIATION = 1e-6


@dataclass(frozen=True)
class FeatureReader:
    """How sequences and labels become numbers.

    Attributes:
        task: ``activity``, ``dna``, ``pixels`` or ``spoken_words``: what a line of text holds.
        labels: those of the training split, sorted; a label's place is its class.
        mean: of each channel [F].
        deviation: of each channel [F].
        permuted: whether the steps are read in the order of `pixel_order`.
        shortest: the fewest steps of a sequence that the model can read.
        space: rows and columns of the frames of a video; empty for vectors.
    """

    task: str
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    permuted: bool = False
    shortest: int = 1
    space: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a time step: (F,), or (Y, X, F) of a video."""
        return (*self.space, len(self.mean))

    @classmethod
    def build(cls, train: Sequence[LabelledFeatures], task: str, permuted: bool, shortest: int) -> "FeatureReader":
        """The reader of a training split; nothing of the other splits is in it."""
        labels = tuple(sorted({row.label for row in train}))
        *space, width = train[0].features.shape[1:]
        numbers = ((0.0,) * width, (1.0,) * width) if task == "dna" else moments([row.features for row in train])
        return cls(task, labels, *numbers, permuted, 1 if space else shortest, tuple(space))

    @classmethod
    def load(cls, folder: Path, task: str, permuted: bool, shortest: int) -> "FeatureReader":
        """The reader of a run, from its folder."""
        path = folder / SCALING_FILE
        try:
            scaling = json.loads(path.read_bytes())
            mean, deviation = stored_moments(scaling)
            space = tuple(int(extent) for extent in scaling.get("space", ()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise DataError(
                f"{path}: expected mean and deviation of each channel, as the run wrote it; {error}."
            ) from error
        return cls(task, load_labels(folder), mean, deviation, permuted, 1 if space else shortest, space)

    def artifacts(self) -> Mapping[str, Callable[[Path], None]]:
        """What `load` reads, by file name."""
        return {LABELS_FILE: partial(save_labels, self.labels), SCALING_FILE: self._save_scaling}

    def encode(self, features: np.ndarray, place: str) -> np.ndarray:
        """The scaled vectors [T, F], or frames [T, Y, X, F], of a sequence, float32.

        Raises:
            DataError: at ``place``, for steps of another shape, or fewer of them than the model can read.
        """
        if features.shape[1:] != self.shape:
            wanted = f"frames of {' x '.join(map(str, self.shape))}" if self.space else f"{len(self.mean)} numbers"
            raise DataError(f"{place}: expected {wanted} a time step, found shape {features.shape}.")
        if len(features) < self.shortest:
            raise DataError(
                f"{place}: expected at least {self.shortest} time steps, as the convolutions need them; found "
                f"{len(features)}. Leave the sequence out, or take --conv_padding=same."
            )
        if self.permuted:
            features = features[pixel_order(len(features))]
        with np.errstate(over="ignore"):
            scaled = ((features - np.array(self.mean)) / np.array(self.deviation)).astype(np.float32)
        if not np.isfinite(scaled).all():
            raise DataError(f"{place}: expected numbers that are finite once they are scaled; found larger ones.")
        return scaled

    def parse(self, line: str, number: int) -> np.ndarray:
        """A line of text as a sequence [T, F] before scaling: letters for ``dna``, else a list in JSON.

        A list holds the vectors of all time steps, each a list of numbers. Where there is one channel, the numbers
        themselves will do, and the rows of an image: they are read one after the other.

        Raises:
            SeqlabError: a line of another kind.
        """
        place = f"line {number}"
        if self.task == "dna":
            return base_shares(line.strip(), place)
        try:
            values = np.asarray(json.loads(line), np.float64)
        except (ValueError, TypeError, RecursionError, OverflowError):
            values = np.zeros(0)
        if not values.size or not np.isfinite(values).all():
            raise SeqlabError(
                f"{place}: expected finite numbers in JSON, [[...], ...], a list a step; got {line[:60]!r}."
            )
        return values.reshape(-1, 1) if len(self.mean) == 1 else values

    def classes(self, rows: Sequence[LabelledFeatures]) -> np.ndarray:
        """Their labels' classes [N]."""
        of_label = {label: index for index, label in enumerate(self.labels)}
        return np.array([of_label[row.label] for row in rows], np.int32)

    def rows(self, rows: Sequence[LabelledFeatures]) -> Batch:
        """All sequences of a split, their lengths and classes, for ``seqlab.data.buckets``."""
        paged = PagedArrays()
        inputs = [paged.keep(self.encode(row.features, row.place)) for row in rows]
        return Batch(inputs, self.classes(rows), lengths=np.array([len(row) for row in inputs], np.int32))

    def _save_scaling(self, path: Path) -> None:
        scaling = {"mean": self.mean, "deviation": self.deviation, **({"space": self.space} if self.space else {})}
        path.write_text(json.dumps(scaling, indent=0) + "\n", encoding="utf-8")


def moments(sequences: Sequence[np.ndarray]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel F of arrays [..., F]; 1 where a channel never changes.

    >>> moments([np.array([[1.0, 7.0]]), np.array([[3.0, 7.0], [5.0, 7.0]])])[0]
    (3.0, 7.0)
    """
    rows = [sequence.reshape(-1, sequence.shape[-1]) for sequence in sequences]
    count = sum(map(len, rows))
    mean = np.sum([row.sum(axis=0, dtype=np.float64) for row in rows], axis=0) / count
    deviation = np.sqrt(np.sum([((row - mean) ** 2).sum(axis=0) for row in rows], axis=0) / count)
    return tuple(mean.tolist()), tuple(np.where(deviation > LEAST_DEVIATION, deviation, 1.0).tolist())


def stored_moments(stored: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """``mean`` and ``deviation`` as a run wrote them.

    Raises:
        ValueError, KeyError, TypeError or OverflowError: something else is there.
    """
    mean, deviation = (tuple(float(value) for value in stored[name]) for name in ("mean", "deviation"))
    if len(mean) != len(deviation) or not np.isfinite([*mean, *deviation]).all() or not all(deviation):
        raise ValueError("they are of unequal number, not finite, or a deviation is 0")
    return mean, deviation


def pixel_order(num_steps: int) -> np.ndarray:
    """The order in which permuted pixels are read: that of the hashes of their places, everywhere the same.

    >>> pixel_order(8).tolist()
    [4, 3, 0, 1, 7, 2, 6, 5]
    """
    hashes = [hashlib.sha256(str(place).encode()).digest() for place in range(num_steps)]
    return np.array(sorted(range(num_steps), key=hashes.__getitem__), np.int64)
