import re

import numpy as np

from seqlab.data.synthetic.motifs import FIRST, SECOND, make_sequence, motif_splits, reverse_complement


def near(text, motif):
    """Places where the motif stands with at most one letter changed."""
    return [
        place
        for place in range(len(text) - len(motif) + 1)
        if sum(a != b for a, b in zip(text[place : place + len(motif)], motif, strict=True)) <= 1
    ]


def has_site(text):
    return any(12 <= second - first - len(FIRST) <= 16 for first in near(text, FIRST) for second in near(text, SECOND))


def test_a_site_has_both_motifs_in_order_at_the_right_distance_on_some_strand():
    rng = np.random.default_rng(1)
    rows = [make_sequence(rng) for _ in range(400)]
    for row in rows:
        assert re.fullmatch("[ACGT]{60}", row.text)
        if row.label == "site":
            assert has_site(row.text) or has_site(reverse_complement(row.text))
    others = [row for row in rows if row.label == "background"]
    assert 120 < len(others) < 280
    assert sum(has_site(row.text) or has_site(reverse_complement(row.text)) for row in others) < 0.1 * len(others)


def test_no_sequence_is_in_two_splits():
    texts = [{row.text for row in split} for split in motif_splits()]
    assert len(set.union(*texts)) == sum(map(len, texts))


def test_the_other_strand_of_the_other_strand_is_the_first():
    assert reverse_complement(reverse_complement("AACGTTG")) == "AACGTTG"
