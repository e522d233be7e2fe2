"""Transposition of piano rolls: a piece that is moved up or down by some semitones is as good a piece.

How far each row of a batch is moved is a function of (seed, step), so a resumed run hears what the uninterrupted one
would have heard. A row is moved no further than its notes stay on the piano.
"""

from dataclasses import dataclass

import numpy as np

from seqlab.core.errors import SeqlabError
from seqlab.data.batch import Batch, RaggedBatches
from seqlab.data.loaders.midi import NUM_KEYS


@dataclass(frozen=True)
class TransposedBatches:
    """Batches whose ``targets`` are piano rolls [B, T, 88], and whose ``inputs`` [B, T, F] begin with these columns.

    Attributes:
        batches: what is transposed; ``seqlab.data.batch.RaggedBatches``.
        semitones: the farthest that a row is moved, up or down; all distances up to it are as probable.
        seed: of the distances.

    Raises:
        SeqlabError: ``semitones`` or ``seed`` below 0.
    """

    batches: RaggedBatches
    semitones: int
    seed: int = 0

    def __post_init__(self) -> None:
        """Checks the numbers."""
        if self.semitones < 0 or self.seed < 0:
            raise SeqlabError(f"semitones and seed must be at least 0; got {self.semitones} and {self.seed}.")

    @property
    def batches_per_epoch(self) -> int:
        """As many as of what is transposed."""
        return self.batches.batches_per_epoch

    @property
    def num_shapes(self) -> int:
        """As many as of what is transposed."""
        return self.batches.num_shapes

    @property
    def padding_share(self) -> float:
        """As much as of what is transposed."""
        return self.batches.padding_share

    def batch(self, step: int) -> Batch:
        """The batch of a step, each row moved by a distance of its own."""
        batch = self.batches.batch(step)
        inputs, targets = batch.inputs.copy(), batch.targets.copy()
        # The batch's own order is drawn from (seed, epoch): another length makes this another stream.
        rng = np.random.default_rng((self.seed, step, NUM_KEYS))
        distances = rng.integers(-self.semitones, self.semitones + 1, len(targets)).tolist()
        for row, distance in enumerate(distances):
            sounding = np.flatnonzero(targets[row].any(axis=0))
            lowest, highest = (sounding[0], sounding[-1]) if sounding.size else (0, NUM_KEYS - 1)
            # What wraps around is silent.
            distance = int(np.clip(distance, -lowest, NUM_KEYS - 1 - highest))
            targets[row] = np.roll(targets[row], distance, axis=-1)
            inputs[row, :, :NUM_KEYS] = np.roll(inputs[row, :, :NUM_KEYS], distance, axis=-1)
        return batch._replace(inputs=inputs, targets=targets)
