"""A pendulum that is pushed at random, seen from the side: only how far it is to the left or right, with noise.

    speed' = speed - d (sin(angle) + friction * speed) + push,   angle' = angle + d * speed',   y = sin(angle) + error

Time is in units of sqrt(length / g), d a step of it. The pushes drive it beyond the horizontal at times, where the same
place to the side belongs to two angles, and over the top.

The targets are sin(angle), cos(angle) and speed: where the bob is, and how it moves. So turns do not count.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from seqlab.core.errors import SeqlabError

STEP, FRICTION = 0.2, 0.1
PUSH_DEVIATION, ERROR_DEVIATION, FIRST_DEVIATION = 0.2, 0.3, 1.0


def pendulum_step(angle: Any, speed: Any, sin: Callable[[Any], Any] = np.sin) -> tuple[Any, Any]:
    """Angle and speed one step later, without a push; ``sin`` is that of the arrays' library.

    >>> [round(float(part), 3) for part in pendulum_step(0.0, 1.0)]
    [0.196, 0.98]
    """
    speed = speed - STEP * (sin(angle) + FRICTION * speed)
    return angle + STEP * speed, speed


def simulate_pendulum(rng: np.random.Generator, batch_size: int, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws targets [B, T, 3] and observations [B, T, 1].

    Raises:
        SeqlabError: fewer than one step.
    """
    if num_steps < 1:
        raise SeqlabError(f"sequence_length must be at least 1; got {num_steps}.")
    angle, speed = FIRST_DEVIATION * rng.standard_normal((2, batch_size))
    angles, speeds = np.empty((2, batch_size, num_steps))
    for step in range(num_steps):
        if step:
            angle, speed = pendulum_step(angle, speed)
            push = PUSH_DEVIATION * rng.standard_normal(batch_size)
            angle, speed = angle + STEP * push, speed + push
        angles[:, step], speeds[:, step] = angle, speed
    errors = ERROR_DEVIATION * rng.standard_normal((batch_size, num_steps))
    targets = np.stack([np.sin(angles), np.cos(angles), speeds], axis=-1)
    return targets, (np.sin(angles) + errors)[..., None]
