"""Short films of a stick figure that does one of eight things, which single frames cannot tell apart.

    sits down        stands up         the same films backward
    raises an arm    lowers an arm     the same films backward
    walks right      walks left        the same films backward
    waves, jumps                       each its own film backward

A film of the second column is one of the first, played backward, so the frames of both come from one distribution.
Whoever sees the frames without their order can expect to be right in half of these films, and so in 5/8 of all.

Figures differ in size, place, pace and brightness, on top of noise. Limbs are lines of about two pixels: a pixel is as
bright as it is near to the nearest limb.
"""

from typing import NamedTuple

import numpy as np

from seqlab.data.loaders.sensors import LabelledFeatures

# Label -> what is done, and whether the film is played backward.
LABELS = {
    "jumps": ("jump", False),
    "lowers an arm": ("raise", True),
    "raises an arm": ("raise", False),
    "sits down": ("sit", False),
    "stands up": ("sit", True),
    "walks left": ("walk", True),
    "walks right": ("walk", False),
    "waves": ("wave", False),
}
SIZES = {"train": 600, "validation": 150, "test": 300}
SIDE, SHORTEST, LONGEST = 24, 12, 20
NOISE, HALF_WIDTH = 0.12, 1.2
# Lengths as shares of the figure's height, and angles from hanging down, to the right above 0.
LEG, TORSO, ARM, HEAD = 0.24, 0.32, 0.2, 0.16
SPREAD, AT_REST = np.radians(7), np.radians(25)
BOTH = np.array([-1.0, 1.0])[:, None, None]
FRAMES_AT_ONCE = 128  # As many fit the cache.


class Pose(NamedTuple):
    """Where figures are and how they hold their limbs, frame by frame; the left leg and arm come first.

    Attributes:
        height: in pixels [N, 1].
        hip: x and y in pixels, y downward [2, N, T].
        thighs: angles [2, N, T].
        shins: angles [2, N, T].
        upper_arms: angles [2, N, T].
        forearms: angles [2, N, T].
    """

    height: np.ndarray
    hip: np.ndarray
    thighs: np.ndarray
    shins: np.ndarray
    upper_arms: np.ndarray
    forearms: np.ndarray


def figure_splits() -> tuple[list[LabelledFeatures], list[LabelledFeatures], list[LabelledFeatures]]:
    """Training, validation and test films; always the same ones."""
    train, validation, test = (
        make_films(np.random.default_rng(seed), size) for seed, size in enumerate(SIZES.values())
    )
    return train, validation, test


def make_films(rng: np.random.Generator, num_films: int) -> list[LabelledFeatures]:
    """Draws films [T, 24, 24, 1], T from 12 to 20, of all labels in turn, in an order of their own.

    >>> [row.label for row in make_films(np.random.default_rng(0), 3)]
    ['raises an arm', 'jumps', 'lowers an arm']
    """
    labels = rng.permutation(np.resize(list(LABELS), num_films)).tolist()
    forward = film(rng, [LABELS[label][0] for label in labels])
    return [
        LabelledFeatures(frames[::-1].copy() if LABELS[label][1] else frames, label)
        for label, frames in zip(labels, forward, strict=True)
    ]


def film(rng: np.random.Generator, actions: list[str]) -> list[np.ndarray]:
    """Films of figures that sit down, raise an arm, walk to the right, wave or jump: [T, 24, 24, 1] each."""
    num_frames = rng.integers(SHORTEST, LONGEST + 1, len(actions))
    starts, ends = limbs(draw_poses(rng, np.array(actions), num_frames))
    exists = np.arange(LONGEST) < num_frames[:, None]
    figures = render(starts[..., exists], ends[..., exists])
    brightness, background = (np.repeat(rng.uniform(*of, len(actions)), num_frames) for of in ((0.6, 1), (0, 0.2)))
    frames = brightness[:, None, None] * figures + background[:, None, None] + rng.normal(0, NOISE, figures.shape)
    return np.split(frames[..., None].astype(np.float32), np.cumsum(num_frames)[:-1])


def draw_poses(rng: np.random.Generator, actions: np.ndarray, num_frames: np.ndarray) -> Pose:
    """Poses in each frame of films of so many frames [N]; what follows a film's last frame means nothing."""

    def draw(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (len(actions), 1))

    sits, raises, walks, waves, jumps = (
        (actions == name)[:, None] for name in ("sit", "raise", "walk", "wave", "jump")
    )
    height, ground, place = draw(13.0, 17.0), draw(21.0, 23.0), draw(8.0, 16.0)
    facing, active = rng.choice([-1.0, 1.0], (2, len(actions), 1))
    time = np.arange(LONGEST) / (num_frames[:, None] - 1)
    progress = np.clip((time - draw(0.0, 0.35)) / draw(0.4, 0.6), 0, 1)
    progress = progress**2 * (3 - 2 * progress)  # A movement begins and ends gently.
    swing = np.sin(2 * np.pi * (draw(1.5, 3.0) * time + draw(0.0, 1.0)))

    # Legs are straight in a walk, so that it looks alike in either direction.
    stride, seated = np.radians(25) * walks * swing, np.radians(85) * sits * progress
    shins = BOTH * (SPREAD * (1 - sits * progress) + stride)
    lifted = raises * np.radians(130) * progress + waves * np.radians(110)
    upper_arms = BOTH * (AT_REST + (active == BOTH) * lifted - stride)
    forearms = upper_arms + (active == BOTH) * waves * np.radians(35) * swing
    thighs = shins + facing * seated

    x = np.where(walks, SIDE / 2 + draw(4.0, 6.0) * (2 * progress - 1), place) - facing * LEG * height * np.sin(seated)
    y = ground - LEG * height * (np.cos(thighs[1]) + np.cos(shins[1])) - 4 * jumps * np.abs(swing)
    return Pose(height, np.stack([x, y]), thighs, shins, upper_arms, forearms)


def limbs(pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """The ten lines of figures: x and y in pixels where each begins and where it ends [10, 2, N, T]."""

    def along(angle: np.ndarray, share: float) -> np.ndarray:
        return share * pose.height * np.stack([np.sin(angle), np.cos(angle)])

    upward = np.full(pose.hip.shape[1:], np.pi)
    shoulder = pose.hip + along(upward, TORSO)
    lines = [(pose.hip, shoulder), (shoulder + along(upward, HEAD / 2), shoulder + along(upward, HEAD))]
    for joint, share, first, second in [
        (pose.hip, LEG, pose.thighs, pose.shins),
        (shoulder, ARM, pose.upper_arms, pose.forearms),
    ]:
        for upper, lower in zip(first, second, strict=True):
            bend = joint + along(upper, share)
            lines += [(joint, bend), (bend, bend + along(lower, share))]
    starts, ends = map(np.stack, zip(*lines, strict=True))
    return starts, ends


def render(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The brightness in [0, 1] of each pixel [N, 24, 24] of frames with lines [10, 2, N]."""
    starts, ways = (joints[..., None].astype(np.float32) for joints in (starts, ends - starts))
    y_of, x_of = np.indices((SIDE, SIDE), np.float32).reshape(2, -1)
    frames = np.zeros((starts.shape[2], SIDE * SIDE), np.float32)
    for first in range(0, len(frames), FRAMES_AT_ONCE):
        some = slice(first, first + FRAMES_AT_ONCE)
        nearest = np.full(frames[some].shape, np.inf, np.float32)
        for (start_x, start_y), (way_x, way_y) in zip(starts[:, :, some], ways[:, :, some], strict=True):
            x, y = x_of - start_x, y_of - start_y
            share = np.clip((x * way_x + y * way_y) / (way_x**2 + way_y**2), 0, 1)
            x -= share * way_x
            y -= share * way_y
            np.minimum(nearest, x * x + y * y, out=nearest)
        frames[some] = np.clip(HALF_WIDTH - np.sqrt(nearest), 0, 1)
    return frames.reshape(-1, SIDE, SIDE)
