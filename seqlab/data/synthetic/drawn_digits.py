"""Digits drawn as those of a pocket calculator, in images of 8 x 8 pixels, where no scikit-learn is at hand.

A digit has up to seven strokes. Each drawing is shifted and shaded at random, and has noise on it.
"""

import numpy as np

from seqlab.data.loaders.sensors import LabelledFeatures

#  _0_
# 5|_6_|1
# 4|_3_|2
STROKES = ("012345", "12", "01643", "01623", "5612", "05623", "056234", "012", "0123456", "012356")
# Rows and columns of each stroke, in an image of 6 x 4 pixels.
PLACES = {
    "0": (slice(0, 1), slice(0, 4)),
    "1": (slice(0, 3), slice(3, 4)),
    "2": (slice(3, 6), slice(3, 4)),
    "3": (slice(5, 6), slice(0, 4)),
    "4": (slice(3, 6), slice(0, 1)),
    "5": (slice(0, 3), slice(0, 1)),
    "6": (slice(2, 3), slice(0, 4)),
}
SIDE, NOISE = 8, 0.15
SIZES = {"train": 1200, "validation": 240, "test": 400}


def draw_digit(rng: np.random.Generator) -> LabelledFeatures:
    """Draws a digit; its pixels row by row [64, 1], from 0 to 1."""
    digit = int(rng.integers(len(STROKES)))
    image = np.zeros((SIDE, SIDE))
    top, left = rng.integers(0, SIDE - 6 + 1), rng.integers(0, SIDE - 4 + 1)
    for stroke in STROKES[digit]:
        rows, columns = PLACES[stroke]
        image[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop] = rng.uniform(0.6, 1.0)
    noisy = np.clip(image + rng.normal(0, NOISE, image.shape), 0, 1)
    return LabelledFeatures(noisy.reshape(-1, 1).astype(np.float32), str(digit))


def digit_splits() -> tuple[list[LabelledFeatures], list[LabelledFeatures], list[LabelledFeatures]]:
    """Training, validation and test drawings; always the same ones.

    >>> train, validation, test = digit_splits()
    >>> len(train), len(validation), len(test), train[0].features.shape
    (1200, 240, 400, (64, 1))
    """
    train, validation, test = (
        [draw_digit(rng) for _ in range(size)]
        for rng, size in zip(map(np.random.default_rng, range(3)), SIZES.values(), strict=True)
    )
    return train, validation, test
