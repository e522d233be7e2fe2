"""Scores of autocomplete: what a keyboard that shows three words saves its writer.

Before each letter of a word, the first one included, three words are shown that go on from the letters typed so far.
The writer takes the word as soon as it is among them. Typing a word costs a keystroke for each letter and one for the
blank (or line end) behind it; taking it costs one keystroke, which types the rest of it and that blank:

    keystrokes saved = 1 - sum_w (letters typed of w + 1) / sum_w (len(w) + 1)
    top-n recall     = share of words that are among the first n shown before any letter is typed

So a word that is never shown saves nothing, and one shown before its first letter saves len(w) of len(w) + 1. The
ratio is that of Trnka and McCoy, Evaluating word prediction: framing keystroke savings (2008); recall is as in Hard et
al., Federated learning for mobile keyboard prediction (2018).
"""

from collections.abc import Sequence

NUM_SHOWN = 3

# For each number of letters typed, from 0 to less than the word has: the words shown, the most probable first.
Shown = Sequence[Sequence[str]]


def letters_typed(word: str, shown: Shown) -> int:
    """How many letters are typed before the word is shown; all of them where it never is.

    >>> letters_typed("Mars", [["the", "my"], ["Monday", "Mars"], ["Mars"], ["Mars"]])
    1
    """
    return next((typed for typed, words in enumerate(shown) if word in words[:NUM_SHOWN]), len(word))


def autocomplete_scores(words: Sequence[str], shown: Sequence[Shown]) -> dict[str, float]:
    """``top1_recall``, ``top3_recall`` and ``keystrokes_saved`` over some words, each with what was shown for it.

    All are 0 where there are no words.

    >>> autocomplete_scores(["to", "Mars"], [[["to"], ["two"]], [["the"], ["my"], ["Mars"], ["Mars"]]])
    {'top1_recall': 0.5, 'top3_recall': 0.5, 'keystrokes_saved': 0.5}
    """
    without = sum(len(word) + 1 for word in words)
    needed = sum(letters_typed(word, rows) + 1 for word, rows in zip(words, shown, strict=True))

    def recall(num_shown: int) -> float:
        return sum(word in rows[0][:num_shown] for word, rows in zip(words, shown, strict=True)) / max(1, len(words))

    return {
        "top1_recall": recall(1),
        "top3_recall": recall(NUM_SHOWN),
        "keystrokes_saved": 1 - needed / without if words else 0.0,
    }
