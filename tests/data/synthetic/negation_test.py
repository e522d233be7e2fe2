import re
from collections import Counter

import numpy as np

from seqlab.data.synthetic.negation import ADJECTIVES, BESIDE, PLAIN, TURNED, make_sentence, negation_splits


def test_the_splits_are_always_the_same_and_share_no_sentence():
    train, validation, test = negation_splits()
    assert (train, validation, test) == negation_splits()
    texts = [row.text for row in [*train, *validation, *test]]
    assert len(set(texts)) == len(texts) == 3200


def test_each_sentence_is_what_its_frame_and_its_first_adjective_say():
    """The label found again from the words: which frame it is, and of which kind its adjective."""
    rng = np.random.default_rng(1)
    kinds = {word: kind for kind, words in ADJECTIVES.items() for word in words}

    def matches(frame, text):
        pattern = re.escape(frame).replace(r"\ ", " ")
        pattern = re.sub(r"\\\{(s|t|n|time)\\\}", r"(?:\\w+ ?){1,3}", pattern)
        pattern = re.sub(r"\\\{(a|b)\\\}", lambda found: f"(?P<{found[1]}>{'|'.join(kinds)})", pattern)
        return re.search(rf"(?:^|, |us ){pattern}$", text)

    for _ in range(200):
        row = make_sentence(rng)
        turned = [matches(frame, row.text) for frame in TURNED]
        plain = [matches(frame, row.text) for frame in PLAIN + BESIDE]
        found = next(match for match in [*turned, *plain] if match)
        kind = kinds[found["a"]]
        is_turned = any(turned)
        assert (row.label == kind) != is_turned, row


def test_labels_are_even_and_no_word_tells_them():
    rows = [row for part in negation_splits() for row in part]
    share = sum(row.label == "positive" for row in rows) / len(rows)
    assert abs(share - 0.5) < 0.03
    seen, positive = Counter(), Counter()
    for row in rows:
        for word in set(row.text.split()):
            seen[word] += 1
            positive[word] += row.label == "positive"
    for word, count in seen.items():
        assert abs(positive[word] / count - 0.5) < 5 * 0.5 / count**0.5, word
    assert {"not", "never", "nobody", "no", "but"} < set(seen)
