"""From a CTC network's probabilities to a labelling: best path, and prefix beam search with a language model.

The *best path* takes the most probable class of each frame. Its labelling need not be the most probable one, as that
may have many paths. *Prefix beam search* adds up paths: for each prefix l it keeps the probability of all paths so far
that collapse to it, apart for those that end in a blank, b(l), and those that end in its last label, n(l), since only
the former can take that label once more:

    b'(l) = P(blank) (b(l) + n(l))
    n'(l) = P(l_end) n(l)
    n'(l c) += P(c) (b(l) + n(l)),   or P(c) b(l) for c = l_end,   times P_lm(c | l)^alpha e^beta

The ``width`` prefixes with the greatest b + n are kept. While they are all that there are, the sums are exact.

This runs on the host in NumPy: prefixes that are reached in two ways are one hypothesis, which a dictionary says and
fixed arrays do not, and they are few. All sums are in logarithms.

References:
    Graves et al., Connectionist temporal classification, 2006; Hannun et al., First-pass large vocabulary continuous
    speech recognition using bi-directional recurrent DNNs, 2014.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from seqlab.core.errors import SeqlabError

BLANK = 0
Labels = tuple[int, ...]
# A prefix -> log-probability of every class as its next label, and after them that of its end [V + 1]; the entry of
# the blank is not read.
LanguageScores = Callable[[Labels], np.ndarray]


class Labelling(NamedTuple):
    """What a search found.

    Attributes:
        labels: the labels, blanks dropped.
        log_probability: log P(labels | x) in nats, as far as its paths were kept; no language model is in it.
        score: what the search compared: with the language model and the bonus.
    """

    labels: Labels
    log_probability: float
    score: float


def collapse(path: np.ndarray) -> Labels:
    """The labelling of a path [T]: repeats merged, then blanks dropped.

    >>> collapse(np.array([0, 2, 2, 0, 2, 1]))
    (2, 2, 1)
    """
    path = np.asarray(path)
    starts = np.concatenate([[True], path[1:] != path[:-1]])[: len(path)]
    return tuple(path[starts & (path != BLANK)].tolist())


def best_path(log_probs: np.ndarray) -> Labelling:
    """The labelling of the most probable path through log-probabilities [T, V]; the probability is that path's."""
    log_p = float(log_probs.max(axis=1).sum())
    return Labelling(collapse(log_probs.argmax(axis=1)), log_p, log_p)


def prefix_beam_search(
    log_probs: np.ndarray,
    width: int,
    *,
    language: LanguageScores | None = None,
    language_weight: float = 0.0,
    label_bonus: float = 0.0,
    least_log_prob: float = -math.inf,
) -> list[Labelling]:
    """The labellings of the greatest score, the best first, at most ``width``.

    Args:
        log_probs: log-probabilities of the classes at each frame [T, V].
        width: how many prefixes are kept.
        language: the language model; ``None`` for none.
        language_weight: alpha.
        label_bonus: beta, for each label: a language model makes every label cost, and so favours few.
        least_log_prob: labels below it at a frame are not tried there.

    Raises:
        SeqlabError: ``width`` below 1.

    >>> frames = np.log([[0.6, 0.4], [0.6, 0.4]])  # The best path is two blanks, 0.36; three paths say 1, 0.64.
    >>> best_path(frames).labels, prefix_beam_search(frames, 2)[0].labels
    ((), (1,))
    """
    if width < 1:
        raise SeqlabError(f"the beam's width must be at least 1; got {width}.")
    # Of each prefix: log b, log n, and what the language model and the bonus add.
    beam: dict[Labels, tuple[float, float, float]] = {(): (0.0, -math.inf, 0.0)}
    for frame in np.asarray(log_probs, np.float64).tolist():
        tried = [label for label in range(1, len(frame)) if frame[label] > least_log_prob]
        grown: dict[Labels, list[float]] = {}
        for prefix, (blank, label_last, added) in beam.items():
            both = _add(blank, label_last)
            here = grown.setdefault(prefix, [-math.inf, -math.inf, added])
            here[0] = _add(here[0], both + frame[BLANK])
            if prefix:
                here[1] = _add(here[1], label_last + frame[prefix[-1]])
            after = None if language is None else language(prefix)
            for label in tried:
                from_here = blank if prefix and label == prefix[-1] else both
                if from_here == -math.inf:
                    continue
                bonus = label_bonus + (0.0 if after is None else language_weight * float(after[label]))
                there = grown.setdefault((*prefix, label), [-math.inf, -math.inf, added + bonus])
                there[1] = _add(there[1], from_here + frame[label])
        kept = sorted(grown.items(), key=lambda item: (-_score(item[1]), item[0]))[:width]
        beam = {prefix: (sums[0], sums[1], sums[2]) for prefix, sums in kept}
    found = []
    for prefix, (blank, label_last, added) in beam.items():
        end = 0.0 if language is None else language_weight * float(language(prefix)[-1])
        log_p = _add(blank, label_last)
        found.append(Labelling(prefix, log_p, log_p + added + end))
    return sorted(found, key=lambda labelling: (-labelling.score, labelling.labels))


def _score(sums: list[float]) -> float:
    return _add(sums[0], sums[1]) + sums[2]


def _add(first: float, second: float) -> float:
    """log(e^first + e^second), for which numpy's function takes ten times as long on single numbers."""
    greater, less = max(first, second), min(first, second)
    return greater if less == -math.inf else greater + math.log1p(math.exp(less - greater))
