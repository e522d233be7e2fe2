"""Short requests to a machine that carries, cooks and plays: a text in which the verb decides what may follow.

    take me to Mars .
    bake me a cake for Anna , please .
    bake a pie and come with me to Mars .

Every word of "bake me to Mars" is frequent, and so are its pairs: requests begin with "bake me" more often than with
"take me", and "me to Mars" stands in requests of both kinds. Only a model that still knows the verb two words later, or
three in "bake my friend to Mars", finds it less probable than "take me to Mars". `PAIRS` has such sentences, the right
one first; no request begins with any of them.
"""

from collections.abc import Sequence

import numpy as np

PEOPLE = ["me", "us", "him", "her", "Anna", "Tom", "my friend", "my old friend", "the new guest"]
PLACES = ["Mars", "Venus", "Rome", "Paris", "London", "Texas", "the moon", "the park", "the old station", "the harbour"]
DISHES = ["a cake", "a pie", "some bread", "an egg", "some fish", "a small pizza", "the soup", "a potato"]
MUSIC = ["a song", "a waltz", "some jazz", "the new album", "an old song", "some music", "a tune"]
TIMES = ["now", "tomorrow", "at noon", "tonight", "before ten"]
CARRY = ["take", "bring", "drive", "fly", "send", "carry"]
COOK = ["bake", "cook", "make", "fry"]
PLAY = ["play", "sing", "find", "record"]
ENDINGS = ["", "", "", " , please", " {time}", " {time} , please", " for {other}"]
FRAMES = [
    "{carry} {person} to {place}",
    "{carry} {person} to {place} and {play} {music}",
    "{cook} {person} {dish}",
    "{cook} {person} {dish}",
    "{cook} {dish} for {person} to eat",
    "{cook} {dish} , and {carry} it to {place}",
    "{cook} {dish} for {person} to {carry} to {place}",
    "{cook} {dish} and come with {person} to {place}",
    "{play} {person} {music}",
    "{play} {music} for {person} to sing",
    "{carry} {dish} to {place}",
    "{carry} {dish} to {person}",
]
SIZES = {"train": 5000, "validation": 500, "test": 500}
PAIRS = [
    (f"{right} {person} {rest}", f"{wrong} {person} {rest}")
    for person in ("me", "Tom", "my friend")
    for right, wrong, rest in (
        ("take", "bake", "to Mars"),
        ("bring", "fry", "to Rome"),
        ("bake", "take", "a cake"),
        ("cook", "send", "some fish"),
        ("play", "bake", "a waltz"),
        ("fly", "sing", "to the moon"),
    )
]


def commands_splits() -> tuple[str, str, str]:
    r"""Training, validation and test text, a request a line, all of them different; always the same ones.

    >>> train, validation, test = commands_splits()
    >>> train.splitlines()[0], test.count("\n")
    ('fly some fish to Anna .', 500)
    """
    rng = np.random.default_rng(0)
    kept_out = [sentence for pair in PAIRS for sentence in pair]
    lines: dict[str, None] = {}
    while len(lines) < sum(SIZES.values()):
        line = make_command(rng)
        if not any(line.startswith(f"{sentence} ") for sentence in kept_out):
            lines.setdefault(line)
    every, first, second = list(lines), SIZES["train"], SIZES["train"] + SIZES["validation"]
    parts = every[:first], every[first:second], every[second:]
    train, validation, test = ("".join(f"{line}\n" for line in part) for part in parts)
    return train, validation, test


def make_command(rng: np.random.Generator) -> str:
    """Draws a request."""
    person, other = rng.permutation(len(PEOPLE))[:2].tolist()
    words = {
        "person": PEOPLE[person],
        "other": PEOPLE[other],
        "place": _pick(rng, PLACES),
        "dish": _pick(rng, DISHES),
        "music": _pick(rng, MUSIC),
        "time": _pick(rng, TIMES),
        "carry": _pick(rng, CARRY),
        "cook": _pick(rng, COOK),
        "play": _pick(rng, PLAY),
    }
    return (_pick(rng, FRAMES) + _pick(rng, ENDINGS)).format(**words) + " ."


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
