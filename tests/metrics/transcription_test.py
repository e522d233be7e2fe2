import sys
from unittest import mock

import pytest

from seqlab.core.errors import SeqlabError
from seqlab.metrics.transcription import transcription_scores, word_error_rates


def test_errors_are_counted_over_all_words_together():
    scores = transcription_scores(["one two", "three", "four five six"], ["one too", "three four", "four six"])
    assert (scores["substitutions"], scores["deletions"], scores["insertions"]) == (1, 1, 1)
    assert scores["wer"] == pytest.approx(3 / 6)
    assert scores["cer"] == pytest.approx((1 + 5 + 5) / (7 + 10 + 8))
    assert scores["sentence_accuracy"] == 0


def test_an_empty_reference_counts_what_is_said_instead_of_it():
    scores = transcription_scores(["", "no", "yes"], ["", "", "yes"])
    assert (scores["wer"], scores["insertions"]) == (1.0, 1)
    assert scores["sentence_accuracy"] == pytest.approx(2 / 3)
    assert word_error_rates(["", "a b"], ["", ""]) == [0.0, 2.0]


def test_the_missing_library_and_wrong_numbers_are_said():
    with pytest.raises(SeqlabError, match="as many transcripts as references, at least 1; got 1 and 2"):
        transcription_scores(["a"], ["a", "b"])
    with (
        mock.patch.dict(sys.modules, {"jiwer": None}),
        pytest.raises(SeqlabError, match=r"pip install 'seqlab\[speech"),
    ):
        transcription_scores(["a"], ["a"])
