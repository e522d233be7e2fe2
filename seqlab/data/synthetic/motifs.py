"""DNA with planted motifs: a sequence is a site where two motifs stand in order, at a distance that is right.

    site         TTGACA, 12 to 16 other bases, TATAAT, each with at most one letter changed; on either strand
    background   the same two motifs the wrong way round, or too near to each other, or random bases alone

So neither a motif by itself nor the counts of bases tell the classes apart: their order and distance do. A site reads
as a site on the other strand too, so the reverse complement of every sequence has its label.
"""

import numpy as np

from seqlab.data.loaders.dna import BASES, base_shares
from seqlab.data.loaders.sensors import LabelledFeatures

FIRST, SECOND = "TTGACA", "TATAAT"
LENGTH, LABELS = 60, ("background", "site")
NEAR, RIGHT = (0, 5), (12, 17)
SIZES = {"train": 1500, "validation": 300, "test": 600}
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def reverse_complement(sequence: str) -> str:
    """The other strand, read in its own direction.

    >>> reverse_complement("TTGACA")
    'TGTCAA'
    """
    return sequence.translate(COMPLEMENT)[::-1]


def make_sequence(rng: np.random.Generator) -> LabelledFeatures:
    """Draws a sequence of 60 bases and its label."""
    label = LABELS[rng.integers(2)]
    letters = list(_random_bases(rng, LENGTH))
    kind = "right" if label == "site" else ("turned", "near", "none")[rng.integers(3)]
    if kind != "none":
        first, second = (_changed(rng, motif) for motif in (FIRST, SECOND))
        if kind == "turned":
            first, second = second, first
        gap = int(rng.integers(*(NEAR if kind == "near" else RIGHT)))
        planted = first + _random_bases(rng, gap) + second
        start = int(rng.integers(LENGTH - len(planted) + 1))
        letters[start : start + len(planted)] = planted
    text = "".join(letters)
    text = reverse_complement(text) if rng.integers(2) else text
    return LabelledFeatures(base_shares(text, "generated"), label, text=text)


def motif_splits() -> tuple[list[LabelledFeatures], list[LabelledFeatures], list[LabelledFeatures]]:
    """Training, validation and test sequences; always the same ones.

    >>> train, validation, test = motif_splits()
    >>> len(train), len(validation), len(test), len(train[0].text)
    (1500, 300, 600, 60)
    """
    train, validation, test = (
        [make_sequence(rng) for _ in range(size)]
        for rng, size in zip(map(np.random.default_rng, range(3)), SIZES.values(), strict=True)
    )
    return train, validation, test


def _random_bases(rng: np.random.Generator, number: int) -> str:
    return "".join(BASES[index] for index in rng.integers(4, size=number).tolist())


def _changed(rng: np.random.Generator, motif: str) -> str:
    letters = list(motif)
    if rng.integers(2):
        letters[rng.integers(len(motif))] = BASES[rng.integers(4)]
    return "".join(letters)
