"""Gestures as a wrist sensor of three channels would see them, where only the order in time tells the classes apart.

    raise, lower                     the first channel goes up, or down, by the same way
    clockwise, counterclockwise      the first two channels turn; one leads or trails the other by a quarter
    shake                            the third channel shakes
    rest                             nothing but drift

Every gesture starts somewhere within its recording, at its own pace and strength, on top of noise and an offset. A
sequence and its reverse have the same mean and variance, so what is counted without time cannot tell ``raise`` from
``lower``, or one turn from the other.
"""

import numpy as np

from seqlab.data.loaders.sensors import LabelledFeatures

LABELS = ("raise", "lower", "clockwise", "counterclockwise", "shake", "rest")
SIZES = {"train": 600, "validation": 150, "test": 300}
SHORTEST, LONGEST, NOISE = 30, 60, 0.3


def make_gesture(rng: np.random.Generator) -> LabelledFeatures:
    """Draws a gesture and its recording [T, 3], T from 30 to 60."""
    label = LABELS[rng.integers(len(LABELS))]
    num_steps = int(rng.integers(SHORTEST, LONGEST + 1))
    moving = int(rng.integers(num_steps // 2, num_steps))
    start = int(rng.integers(num_steps - moving + 1))
    # From 0 to 1 while the gesture lasts.
    progress = np.clip((np.arange(num_steps) - start) / moving, 0, 1)
    strength, turns = rng.uniform(0.8, 1.6), rng.uniform(1.5, 3.0)
    phase = 2 * np.pi * turns * progress + rng.uniform(0, 2 * np.pi)
    recording = rng.normal(0, NOISE, (num_steps, 3)) + rng.normal(0, 0.5, 3)
    if label in ("raise", "lower"):
        recording[:, 0] += strength * (2 * progress - 1) * (1 if label == "raise" else -1)
    elif label in ("clockwise", "counterclockwise"):
        recording[:, 0] += strength * np.cos(phase)
        recording[:, 1] += strength * np.sin(phase) * (1 if label == "counterclockwise" else -1)
    elif label == "shake":
        recording[:, 2] += strength * np.sin(3 * phase)
    return LabelledFeatures(recording.astype(np.float32), label)


def gesture_splits() -> tuple[list[LabelledFeatures], list[LabelledFeatures], list[LabelledFeatures]]:
    """Training, validation and test recordings; always the same ones.

    >>> train, validation, test = gesture_splits()
    >>> len(train), len(validation), len(test), train[0].features.shape[1]
    (600, 150, 300, 3)
    """
    train, validation, test = (
        [make_gesture(rng) for _ in range(size)]
        for rng, size in zip(map(np.random.default_rng, range(3)), SIZES.values(), strict=True)
    )
    return train, validation, test
