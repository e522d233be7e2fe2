"""Word and character error rates, as the library jiwer counts them.

    WER = (substitutions + deletions + insertions) / words of the references

over all utterances together, by the alignment of fewest edits; CER is the same of characters, blanks between words
included. Both may be above 1. A reference without words counts its insertions, and an empty transcript of it is right.
"""

from collections.abc import Sequence
from typing import Any, TypedDict

from seqlab.core.errors import SeqlabError


class TranscriptionScores(TypedDict):
    """Scores of a whole split.

    Attributes:
        wer: word error rate.
        cer: character error rate.
        substitutions: words that are other ones in the transcripts.
        deletions: words that are not there.
        insertions: words that should not be there.
        sentence_accuracy: share of the transcripts without an error.
    """

    wer: float
    cer: float
    substitutions: int
    deletions: int
    insertions: int
    sentence_accuracy: float


def transcription_scores(hypotheses: Sequence[str], references: Sequence[str]) -> TranscriptionScores:
    """WER, CER and the words that are wrong.

    Raises:
        SeqlabError: no transcript, another number of references, or no jiwer.

    >>> scores = transcription_scores(["yes no no", "yes"], ["yes yes no", "no yes"])
    >>> round(scores["wer"], 6), scores["substitutions"], scores["deletions"], scores["insertions"]
    (0.4, 1, 1, 0)
    """
    jiwer = _jiwer()
    if not hypotheses or len(hypotheses) != len(references):
        raise SeqlabError(
            f"expected as many transcripts as references, at least 1; got {len(hypotheses)} and {len(references)}."
        )
    words = jiwer.process_words(list(references), list(hypotheses))
    characters = jiwer.process_characters(list(references), list(hypotheses))
    right = sum(ours.split() == theirs.split() for ours, theirs in zip(hypotheses, references, strict=True))
    return {
        "wer": float(words.wer),
        "cer": float(characters.cer),
        "substitutions": int(words.substitutions),
        "deletions": int(words.deletions),
        "insertions": int(words.insertions),
        "sentence_accuracy": right / len(references),
    }


def word_error_rates(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """The WER of each utterance by itself.

    >>> word_error_rates(["yes no"], ["yes yes"])
    [0.5]
    """
    jiwer = _jiwer()
    return [float(jiwer.wer(theirs, ours)) for ours, theirs in zip(hypotheses, references, strict=True)]


def _jiwer() -> Any:
    try:
        import jiwer
    except ImportError as error:
        raise SeqlabError("word error rates need the library jiwer: pip install 'seqlab[speech]'.") from error
    return jiwer
