import math
import sys

import pytest

from seqlab.core.errors import SeqlabError
from seqlab.metrics.translation import LengthGroup, bleu_by_length, translation_scores


def test_bleu_is_the_geometric_mean_of_precisions_times_the_penalty_for_short_translations():
    hypotheses, references = ["a b c d e", "f g h i"], ["a b c d x", "f g h i y z"]
    # Of 9 words 8 are right, of 7 pairs 6, of 5 triples 4, of 3 quadruples 2; 9 words stand against 11.
    expected = 100 * (8 / 9 * 6 / 7 * 4 / 5 * 2 / 3) ** 0.25 * math.exp(1 - 11 / 9)
    assert translation_scores(hypotheses, references, tokenized=True)["bleu"] == pytest.approx(expected)


def test_scores_are_of_the_whole_and_equal_texts_have_all_of_them():
    scores = translation_scores(["a b c d", "x"], ["a b c d", "x"], tokenized=True)
    assert scores["bleu"] == pytest.approx(100)
    assert scores["chrf"] == pytest.approx(100)
    assert translation_scores(["u v w y"], ["a b c d"], tokenized=True)["chrf"] == 0


def test_words_are_parted_from_punctuation_only_where_they_are_not_yet():
    hypotheses, references = ["go home now, please!"], ["go home now , please !"]
    parted = translation_scores(hypotheses, references, tokenized=False)
    whole = translation_scores(hypotheses, references, tokenized=True)
    assert parted["bleu"] == pytest.approx(100)
    assert whole["bleu"] < 50
    assert "tok:13a" in parted["bleu_signature"]
    assert "tok:none" in whole["bleu_signature"]
    assert parted["chrf_signature"] == whole["chrf_signature"]
    assert "version:" in str(parted["chrf_signature"])


def test_groups_of_lengths_hold_every_sentence_once_and_equal_lengths_together():
    sources = [" ".join("w" * count) for count in (1, 5, 2, 2, 2, 2, 9, 3)]
    groups = bleu_by_length(sources, ["a b c d"] * 8, ["a b c d"] * 8, tokenized=True)
    assert [group[:3] for group in groups] == [(1, 1, 1), (2, 3, 5), (5, 9, 2)]
    assert all(group.bleu == pytest.approx(100) for group in groups)


def test_a_group_s_bleu_is_that_of_its_sentences_alone():
    sources, hypotheses = ["s", "s s s"], ["a b c d e", "u v w x"]
    references = ["a b c d f", "u v w y"]
    groups = bleu_by_length(sources, hypotheses, references, tokenized=True, num_groups=2)
    assert groups == [
        LengthGroup(count, count, 1, translation_scores([ours], [theirs], tokenized=True)["bleu"])
        for count, ours, theirs in zip((1, 3), hypotheses, references, strict=True)
    ]
    one = bleu_by_length(sources, hypotheses, references, tokenized=True, num_groups=1)
    assert one == [LengthGroup(1, 3, 2, translation_scores(hypotheses, references, tokenized=True)["bleu"])]


def test_unequal_numbers_and_nothing_at_all_are_refused():
    for ours, theirs in ((["a"], []), ([], []), (["a"], ["a", "b"])):
        with pytest.raises(SeqlabError, match="expected as many sentences as references, at least 1"):
            translation_scores(ours, theirs, tokenized=True)
    with pytest.raises(SeqlabError, match="got 2 and 1"):
        bleu_by_length(["a", "b"], ["a"], ["a"], tokenized=True)
    with pytest.raises(SeqlabError, match="num_groups must be at least 1; got 0"):
        bleu_by_length(["a"], ["a"], ["a"], tokenized=True, num_groups=0)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(SeqlabError, match=r"pip install 'seqlab\[text\]'"):
        translation_scores(["a"], ["a"], tokenized=True)
