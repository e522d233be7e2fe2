"""Words that go on from letters: the search for them by a score each, and counted scores as a baseline.

A keyboard's list of words, sorted, has all words that begin alike beside each other, so that two bisections find them
(`WordList`). `FollowerCounts` ranks them by what followed the words before in the training text, backing off from two
words to one to none: the counted baseline of a model of next words. Plain numpy on the host.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np


class WordList:
    """Distinct words that can be asked for by their first letters.

    >>> WordList(["cake", "Mars", "car"]).best(np.array([0.1, 0.5, 0.4]), "ca", 3)
    ['car', 'cake']
    """

    def __init__(self, words: Sequence[str]):
        order = sorted(range(len(words)), key=lambda index: words[index])
        self.order, self.words = np.array(order, int), [words[index] for index in order]

    def best(self, scores: np.ndarray, prefix: str, num_best: int) -> list[str]:
        """The words of the highest scores among those that begin with ``prefix`` and are longer than it.

        Args:
            scores: one for each word, in the order in which the words were given [V]; -inf for a word not to be had.
            prefix: the letters typed.
            num_best: how many are wanted; fewer are given where there are fewer. Ties go by name.
        """
        # The word that is the prefix itself is the first of those that begin with it.
        first, last = bisect_right(self.words, prefix), bisect_left(self.words, prefix + chr(0x10FFFF))
        own = scores[self.order[first:last]]
        if not len(own):
            return []
        least = np.partition(own, -num_best)[-num_best] if num_best < len(own) else -np.inf
        found = np.flatnonzero((own >= least) & (own > -np.inf))
        best = found[np.argsort(-own[found], kind="stable")][:num_best]
        return [self.words[first + int(index)] for index in best]


class FollowerCounts(NamedTuple):
    """How often each word followed the one or two tokens before it.

    Attributes:
        words: the words that are offered, and their numbers.
        shares: the share of each among all words of the text [V]; below 1.
        followers: context, a tuple of one or two tokens -> the number of each word that followed -> how often.
    """

    words: Sequence[str]
    shares: np.ndarray
    followers: dict[tuple[str, ...], Counter[int]]

    @classmethod
    def of(cls, tokens: Sequence[str], *, words: Sequence[str], max_context: int) -> "FollowerCounts":
        """Counts a text.

        Args:
            tokens: its tokens in order.
            words: those that are offered; other tokens are contexts only.
            max_context: the longest context, in tokens; 0 counts words alone.
        """
        numbers = {word: index for index, word in enumerate(words)}
        shares = np.zeros(len(words))
        followers: defaultdict[tuple[str, ...], Counter[int]] = defaultdict(Counter)
        for place, token in enumerate(tokens):
            if token in numbers:
                shares[numbers[token]] += 1
                for length in range(1, min(max_context, place) + 1):
                    followers[tuple(tokens[place - length : place])][numbers[token]] += 1
        return cls(words, shares / (shares.sum() + 1), dict(followers))

    def scores(self, before: Sequence[str]) -> np.ndarray:
        """Scores of all words after these tokens [V], the most recent last.

        A word that followed the longest context more often is before all that followed it less often; ties go by the
        next shorter context, and in the end by the words' own counts.

        >>> counts = FollowerCounts.of("a b a b a c c c c".split(), words=["a", "b", "c"], max_context=1)
        >>> counts.scores(["a"]).argmax(), counts.scores([]).argmax()
        (np.int64(1), np.int64(2))
        """
        scores, unit = self.shares.copy(), 1.0
        for length in range(1, len(before) + 1):
            counts = self.followers.get(tuple(before[-length:]), Counter())
            for word, count in counts.items():
                scores[word] += unit * count
            unit *= 1.0 + max(self.followers.get(tuple(before[-length:]), {0: 0}).values())
        return scores


def word_list_of(tokens: Sequence[str], *, min_count: int, leave_out: Collection[str]) -> list[str]:
    """The distinct tokens that occur at least that often, but for some, in the order of their first occurrence.

    >>> word_list_of("to be or not to be".split(), min_count=2, leave_out=["be"])
    ['to']
    """
    counts = Counter(tokens)
    return [word for word, count in counts.items() if count >= min_count and word not in leave_out]
