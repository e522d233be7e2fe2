"""SpecAugment: a network that is trained on sound with pieces missing does not lean on any one of them.

Of each sequence some stretches of time steps, and some of neighbouring features, are set to 0, the mean of features
that are standardised:

    w ~ {0, ..., W},  start ~ {0, ..., n - w}        all alike; n: the steps of the sequence, or its features

W is the most that a stretch may cover; over time it is also at most a fifth of the sequence. It is done in training
alone. Time warping, the paper's third operation and by its own account the least useful, is left out.

References:
    Park et al. (2019), SpecAugment: a simple data augmentation method for automatic speech recognition.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Bool, Float, Int, Key
from seqlab.core.errors import SeqlabError

# One stretch covers at most this fraction of a sequence's steps, so that a short word is not lost.
LARGEST_FRACTION = 5


@dataclass(frozen=True)
class SpecAugmentConfig:
    """What is masked.

    Attributes:
        time_masks: stretches of time steps in each sequence; 0 for none.
        time_mask_width: most steps W of each.
        frequency_masks: stretches of features in each sequence; 0 for none.
        frequency_mask_width: most features W of each.

    Raises:
        SeqlabError: a number below 0, or a width below 1.
    """

    time_masks: int = 0
    time_mask_width: int = 10
    frequency_masks: int = 0
    frequency_mask_width: int = 8

    def __post_init__(self) -> None:
        """Checks the numbers."""
        if min(self.time_masks, self.frequency_masks) < 0 or min(self.time_mask_width, self.frequency_mask_width) < 1:
            raise SeqlabError(f"numbers of masks must be at least 0 and their widths at least 1; got {self}.")

    @property
    def any(self) -> bool:
        """Whether anything is masked."""
        return bool(self.time_masks or self.frequency_masks)


def spec_augment(
    inputs: Float[Array, "B T F"], lengths: Int[Array, " B"], key: Key, config: SpecAugmentConfig
) -> Float[Array, "B T F"]:
    """Inputs with stretches set to 0, drawn for each sequence apart; how far it is padded does not change the draw.

    >>> config = SpecAugmentConfig(frequency_masks=1, frequency_mask_width=2)
    >>> masked = spec_augment(jnp.ones((2, 4, 6)), jnp.array([4, 3]), jax.random.key(1), config)
    >>> masked.shape, bool((masked == masked[:, :1]).all())  # The same bands at all steps.
    ((2, 4, 6), True)
    """
    batch_size, num_steps, width = inputs.shape
    time_key, frequency_key = jax.random.split(key)
    longest = jnp.minimum(config.time_mask_width, lengths // LARGEST_FRACTION)
    hidden = stretches(time_key, config.time_masks, longest, lengths, num_steps)[:, :, None]
    sizes = jnp.full((batch_size,), width)
    widest = jnp.minimum(config.frequency_mask_width, sizes)
    hidden |= stretches(frequency_key, config.frequency_masks, widest, sizes, width)[:, None, :]
    return jnp.where(hidden, 0, inputs)


def stretches(
    key: Key, number: int, longest: Int[Array, " B"], sizes: Int[Array, " B"], num_places: int
) -> Bool[Array, "B N"]:
    """Places that lie in any of ``number`` random stretches of each row.

    Args:
        key: of the draw.
        number: stretches of a row.
        longest: most places W of a stretch, by row.
        sizes: places n of a row, all places of its stretches among them.
        num_places: N, of all rows.
    """
    width_key, start_key = jax.random.split(key)
    shape = (len(sizes), number)
    widths = jax.random.randint(width_key, shape, 0, longest[:, None] + 1)
    starts = jax.random.randint(start_key, shape, 0, sizes[:, None] - widths + 1)
    places = jnp.arange(num_places)[None, None, :]
    inside = (places >= starts[..., None]) & (places < (starts + widths)[..., None])
    return inside.any(axis=1)
