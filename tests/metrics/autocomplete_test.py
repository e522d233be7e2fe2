import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.metrics.autocomplete import NUM_SHOWN, autocomplete_scores, letters_typed

LETTERS = st.text("ab", min_size=1, max_size=4)


@st.composite
def typed_words(draw):
    """Words, each with what is shown before each of its letters."""
    words = draw(st.lists(LETTERS, min_size=1, max_size=6))
    shown = [
        draw(st.lists(st.lists(LETTERS, max_size=NUM_SHOWN), min_size=len(word), max_size=len(word))) for word in words
    ]
    return words, shown


def keystrokes_one_by_one(word, shown):
    """A writer who looks before each key."""
    text, keys = "", 0
    while text != word + " ":
        at = len(text)
        text = word + " " if at < len(word) and word in shown[at] else (word + " ")[: at + 1]
        keys += 1
    return keys


@settings(max_examples=40)
@given(typed_words())
def test_keystrokes_are_those_of_a_writer_who_takes_the_word_at_once(typed):
    words, shown = typed
    keys = sum(keystrokes_one_by_one(word, rows) for word, rows in zip(words, shown, strict=True))
    without = len(" ".join(words)) + 1
    scores = autocomplete_scores(words, shown)
    assert scores["keystrokes_saved"] == pytest.approx(1 - keys / without)
    assert 0 <= scores["top1_recall"] <= scores["top3_recall"] <= 1


def test_recall_is_of_what_is_shown_before_any_letter():
    shown = [[["a", "b", "ab"], ["ab"]], [["ab", "b", "a"], []], [["a", "b"], ["ab"]], [["b"], []]]
    scores = autocomplete_scores(["ab"] * 4, shown)
    assert (scores["top1_recall"], scores["top3_recall"]) == (0.25, 0.5)


def test_only_three_words_count_as_shown():
    assert letters_typed("ab", [["b", "c", "d", "ab"], ["ab"]]) == 1


def test_a_word_shown_at_once_costs_one_keystroke_and_one_never_shown_all_of_its_own():
    assert autocomplete_scores(["abcd"], [[["abcd"]]])["keystrokes_saved"] == pytest.approx(4 / 5)
    assert autocomplete_scores(["abcd"], [[[], [], [], []]])["keystrokes_saved"] == 0


def test_no_words_score_nothing():
    assert set(autocomplete_scores([], []).values()) == {0.0}
