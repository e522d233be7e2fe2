from collections import Counter

from seqlab.data.synthetic.commands import PAIRS, SIZES, commands_splits

SPLITS = commands_splits()


def test_the_splits_are_always_the_same_and_share_no_request():
    assert commands_splits() == SPLITS
    lines = [part.splitlines() for part in SPLITS]
    assert [len(part) for part in lines] == list(SIZES.values())
    assert len({line for part in lines for line in part}) == sum(SIZES.values())


def test_no_split_has_a_sentence_of_the_pairs_or_one_that_begins_so():
    text = "".join(SPLITS)
    for sentence in (sentence for pair in PAIRS for sentence in pair):
        assert f"\n{sentence} " not in f"\n{text}", sentence


def test_the_two_sentences_of_a_pair_differ_in_the_verb_alone_and_training_has_all_words():
    words = set(SPLITS[0].split())
    for right, wrong in PAIRS:
        assert right.split()[1:] == wrong.split()[1:]
        assert right.split()[0] != wrong.split()[0]
        assert set(right.split()) | set(wrong.split()) <= words


def test_neither_words_nor_pairs_of_words_favour_take_me_to_mars():
    """Only what follows both "bake" and "me" tells: no request has "bake me to"."""
    lines = [line.split() for line in SPLITS[0].splitlines()]
    first = Counter(line[0] for line in lines)
    assert first["bake"] > first["take"]
    begins = Counter(tuple(line[:2]) for line in lines)
    assert begins["bake", "me"] > begins["take", "me"] > 0
    triples = Counter(triple for line in lines for triple in zip(line, line[1:], line[2:], strict=False))
    assert triples["bake", "me", "to"] == 0
    cooking = [line for line in lines if line[0] in ("bake", "cook", "make", "fry")]
    assert sum(line[at : at + 3] == ["me", "to", "Mars"] for line in cooking for at in range(len(line))) > 0
