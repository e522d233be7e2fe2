"""Scores of language models, all from the mean negative log-likelihood of a token in nats.

    bits a token = nats / ln 2          perplexity = exp(nats)

For tokens that are characters, bits a token are bits a character.
"""

import math
import sys

LARGEST_NATS = math.log(sys.float_info.max)


def bits(nats: float) -> float:
    """Bits for nats.

    >>> bits(math.log(2))
    1.0
    """
    return nats / math.log(2)


def perplexity(nats: float) -> float:
    """exp(nats), infinite where that is beyond a float.

    >>> perplexity(0.0)
    1.0
    """
    return math.inf if nats > LARGEST_NATS else math.exp(nats)


def language_scores(nats: float, tokens: str) -> dict[str, float]:
    """The score by which language models over such tokens are compared: bits a character, or perplexity of words."""
    return {"bits_per_character": bits(nats)} if tokens == "char" else {"perplexity": perplexity(nats)}
