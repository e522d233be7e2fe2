"""Short sentences whose sentiment a negation decides, where it reaches.

    the room was dirty                                  negative
    i would not say that the room was dirty             positive: the negation reaches the adjective
    we did not wait , and the room was dirty            negative: it does not reach it
    the room was not dirty but quiet                    positive

Positive and negative adjectives are as frequent, and half of all sentences turn their adjective around; a sentence
that does not has a negation elsewhere as often as none. So no word tells anything by itself: the sentiment is the
exclusive or of the adjective's and of the negation's reach. A bag of words is near chance.
"""

from collections.abc import Sequence

import numpy as np

from seqlab.data.loaders.labelled_text import LabelledText

ADJECTIVES = {
    "positive": ["good", "useful", "fresh", "pleasant", "interesting", "clean", "quiet", "friendly", "lovely", "fair"],
    "negative": ["bad", "useless", "stale", "awful", "boring", "dirty", "noisy", "rude", "ugly", "unfair"],
}
OPPOSITE = {"positive": "negative", "negative": "positive"}
SUBJECTS = ["room", "offer", "meal", "film", "staff", "answer", "place", "service", "music", "story"]
OPENINGS = ["", "", "honestly , ", "in the end , ", "this time , ", "to us "]
TIMES = ["at this time", "today", "this year", "this week"]
NEUTRAL = ["new", "large", "old", "small", "blue"]
# Where a negation reaches the adjective {a}; {b} is one of the opposite kind.
TURNED = [
    "the {s} was not {a}",
    "the {s} was not {a} {time}",
    "the {s} was never {a}",
    "i would not say that the {s} was {a}",
    "nobody found the {s} {a} {time}",
    "the {s} was not {a} but {b}",
    "no {s} is {a} {time}",
]
# Where there is none, and where there is one that does not reach it: each kind as often.
PLAIN = [
    "the {s} was {a}",
    "the {s} was {a} {time}",
    "the {s} was always {a}",
    "i would say that the {s} was {a}",
    "everybody found the {s} {a} {time}",
]
BESIDE = [
    "the {s} , which was not {n} , was {a}",
    "we did not wait , and the {s} was {a}",
    "this is not about the {t} : the {s} was {a} {time}",
    "nobody came late , and the {s} was {a}",
    "the {s} was {a} and not {b}",
    "the {s} was {a} but never {n}",
    "no {t} , but the {s} was {a} {time}",
]
SIZES = {"train": 2000, "validation": 400, "test": 800}


def negation_splits() -> tuple[list[LabelledText], list[LabelledText], list[LabelledText]]:
    """Training, validation and test sentences, all of them different; always the same ones.

    >>> train, validation, test = negation_splits()
    >>> len(train), len(validation), len(test), train[0].text
    (2000, 400, 800, 'in the end , the film was not bad this week')
    """
    rng = np.random.default_rng(0)
    rows: dict[str, LabelledText] = {}
    while len(rows) < sum(SIZES.values()):
        row = make_sentence(rng)
        rows.setdefault(row.text, row)
    every = list(rows.values())
    first, second = SIZES["train"], SIZES["train"] + SIZES["validation"]
    return every[:first], every[first:second], every[second:]


def make_sentence(rng: np.random.Generator) -> LabelledText:
    """Draws a sentence and its sentiment."""
    kind = _pick(rng, ["positive", "negative"])
    turned, beside = rng.integers(2, size=2).tolist()
    frame = _pick(rng, TURNED if turned else BESIDE if beside else PLAIN)
    subject = _pick(rng, SUBJECTS)
    words = {
        "s": subject,
        "t": _pick(rng, [other for other in SUBJECTS if other != subject]),
        "a": _pick(rng, ADJECTIVES[kind]),
        "b": _pick(rng, ADJECTIVES[OPPOSITE[kind]]),
        "n": _pick(rng, NEUTRAL),
        "time": _pick(rng, TIMES),
    }
    return LabelledText(_pick(rng, OPENINGS) + frame.format(**words), OPPOSITE[kind] if turned else kind)


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
