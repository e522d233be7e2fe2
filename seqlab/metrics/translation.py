"""BLEU and chrF of translations, as the library sacrebleu computes them.

BLEU (Papineni et al., 2002) is the geometric mean of the shares of a translation's n-grams, n from 1 to 4, that the
reference has too, times a penalty where the translation is too short; chrF (Popovic, 2015) is the F-score of n-grams of
characters. Both are from 0 to 100, over all sentences together: a mean over batches would be another number. How they
were computed is their signature (Post, 2018), without which numbers cannot be compared.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np

from seqlab.core.errors import SeqlabError


class TranslationScores(TypedDict):
    """Scores of a whole split, and how they were computed.

    Attributes:
        bleu: from 0 to 100.
        chrf: from 0 to 100.
        bleu_signature: sacrebleu's signature of the first.
        chrf_signature: and of the second.
    """

    bleu: float
    chrf: float
    bleu_signature: str
    chrf_signature: str


class LengthGroup(NamedTuple):
    """BLEU of the sentences of some lengths.

    Attributes:
        shortest: the fewest words of a source among them.
        longest: the most words of a source among them.
        num_sentences: how many there are.
        bleu: their BLEU, from 0 to 100.
    """

    shortest: int
    longest: int
    num_sentences: int
    bleu: float


def translation_scores(hypotheses: Sequence[str], references: Sequence[str], *, tokenized: bool) -> TranslationScores:
    """``bleu`` and ``chrf`` from 0 to 100, with ``bleu_signature`` and ``chrf_signature``.

    Args:
        hypotheses: translations.
        references: the right ones, one each.
        tokenized: whether blanks part words from punctuation in both, so that BLEU takes the words as they are; it
            parts them by the rules ``13a`` elsewhere. chrF is not affected.

    Raises:
        SeqlabError: no translation, another number of references, or no sacrebleu.

    >>> scores = translation_scores(["the house is small"], ["the house is small"], tokenized=True)
    >>> round(scores["bleu"]), round(scores["chrf"]), scores["bleu_signature"].split("|version")[0]
    (100, 100, 'nrefs:1|case:mixed|eff:no|tok:none|smooth:exp')
    """
    metrics = _sacrebleu()
    _check_numbers(hypotheses, references)
    bleu, chrf = _bleu(metrics, tokenized), metrics.CHRF()
    scores = [metric.corpus_score(list(hypotheses), [list(references)]).score for metric in (bleu, chrf)]
    return {
        "bleu": float(scores[0]),
        "chrf": float(scores[1]),
        "bleu_signature": bleu.get_signature().format(),
        "chrf_signature": chrf.get_signature().format(),
    }


def bleu_by_length(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    tokenized: bool,
    num_groups: int = 4,
) -> list[LengthGroup]:
    """BLEU in groups of sources by their number of words, from short to long.

    The groups are as equal in size as they can be where all sources of one length are in one group; there are fewer
    where there are fewer lengths.

    Args:
        sources: what was translated, words parted by white space.
        hypotheses: translations.
        references: the right ones, one each.
        tokenized: as for `translation_scores`.
        num_groups: how many groups.

    Raises:
        SeqlabError: no sentence, unequal numbers of them, no group, or no sacrebleu.

    >>> groups = bleu_by_length(["a", "b c"], ["x", "u v w y"], ["x", "u v w y"], tokenized=True, num_groups=2)
    >>> [(group.shortest, group.longest, group.num_sentences) for group in groups]
    [(1, 1, 1), (2, 2, 1)]
    """
    metrics = _sacrebleu()
    _check_numbers(hypotheses, references)
    _check_numbers(sources, references)
    if num_groups < 1:
        raise SeqlabError(f"num_groups must be at least 1; got {num_groups}.")
    lengths = np.array([len(source.split()) for source in sources])
    cuts = np.sort(lengths)[[len(lengths) * group // num_groups for group in range(num_groups)]]
    groups = np.searchsorted(cuts[1:], lengths, side="right")
    scored = []
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group).tolist()
        chosen = [[texts[index] for index in members] for texts in (hypotheses, references)]
        score = _bleu(metrics, tokenized).corpus_score(chosen[0], [chosen[1]]).score
        own = lengths[members]
        scored.append(LengthGroup(int(own.min()), int(own.max()), len(members), float(score)))
    return scored


def _bleu(metrics: Any, tokenized: bool) -> Any:
    # force: it would else warn wherever a reference looks tokenised.
    return metrics.BLEU(tokenize="none" if tokenized else "13a", force=True)


def _check_numbers(ours: Sequence[str], theirs: Sequence[str]) -> None:
    if not ours or len(ours) != len(theirs):
        raise SeqlabError(f"expected as many sentences as references, at least 1; got {len(ours)} and {len(theirs)}.")


def _sacrebleu() -> Any:
    try:
        from sacrebleu import metrics
    except ImportError as error:
        raise SeqlabError("BLEU and chrF need the library sacrebleu: pip install 'seqlab[text]'.") from error
    return metrics
