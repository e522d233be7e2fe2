"""What is said of a translation model at the end: BLEU, chrF, quality against length, and where attention looked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqlab.core.strict_json import to_json
from seqlab.data.parallel import Pair, ParallelSplits
from seqlab.data.splits import HELD_OUT
from seqlab.metrics.translation import bleu_by_length, translation_scores
from seqlab.models.word_dictionary import fit_dictionary, translate_word_by_word
from seqlab.tasks.translator import Translation, Translator

NUM_SHOWN = 5
NUM_ALIGNED = 4
ALIGNED_WORDS = range(5, 16)


def split_scores(
    translator: Translator, pairs: ParallelSplits, folder: Path, *, width: int, length_penalty: float
) -> dict[str, dict[str, Any]]:
    """Scores of both held-out splits, by beam search and, as ``bleu_greedy``, without.

    ``folder`` gets the translations as ``validation.jsonl`` and ``test.jsonl``, and with attention ``attention.json``:
    a few test sentences, their translations and the weights between them.
    """
    scores = {}
    for name in HELD_OUT:
        split: Sequence[Pair] = getattr(pairs, name)
        sources, references = [pair.source for pair in split], [pair.target for pair in split]
        found = translator(sources, width=width, length_penalty=length_penalty)
        texts = [translation.text for translation in found]
        greedy = [translation.text for translation in translator(sources, width=1)]
        scores[name] = {
            **translation_scores(texts, references, tokenized=pairs.tokenized),
            "bleu_greedy": translation_scores(greedy, references, tokenized=pairs.tokenized)["bleu"],
            "bleu_by_length": [
                group._asdict() for group in bleu_by_length(sources, texts, references, tokenized=pairs.tokenized)
            ],
        }
        _write_translations(folder / f"{name}.jsonl", split, found)
        if name == "test" and translator.model.attention != "none":
            _write_attention(folder / "attention.json", translator, split, found)
    return scores


def dictionary_scores(pairs: ParallelSplits) -> dict[str, dict[str, Any]]:
    """Word by word with the dictionary of the training split; no checkpoint's loss is comparable, so there is none."""
    dictionary = fit_dictionary(pairs.train)
    scores = {}
    for name in HELD_OUT:
        split: Sequence[Pair] = getattr(pairs, name)
        texts = [translate_word_by_word(dictionary, pair.source) for pair in split]
        scores[name] = translation_scores(texts, [pair.target for pair in split], tokenized=pairs.tokenized)
    return scores


def shown(translator: Translator, pairs: ParallelSplits) -> str:
    """A few sentences of validation: the source, the right translation, and the model's."""
    chosen = pairs.validation[:NUM_SHOWN]
    found = translator([pair.source for pair in chosen])
    return "".join(
        f"  source  {pair.source}\nexpected  {pair.target}\n     got  {translation.text}\n"
        for pair, translation in zip(chosen, found, strict=True)
    )


def _write_translations(path: Path, split: Sequence[Pair], found: Sequence[Translation]) -> None:
    lines = [
        to_json(
            {
                "source": pair.source,
                "reference": pair.target,
                "translation": translation.text,
                "log_probability": translation.log_probability,
            },
            ensure_ascii=False,
        )
        for pair, translation in zip(split, found, strict=True)
    ]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _write_attention(path: Path, translator: Translator, split: Sequence[Pair], found: Sequence[Translation]) -> None:
    pieces = translator.languages
    both = zip(split, found, strict=True)
    fit_on_a_page = [(pair, one) for pair, one in both if len(pair.source.split()) in ALIGNED_WORDS]
    examples = [
        {
            "source": [pieces.source.decode([index]) for index in pieces.source.encode(pair.source).tolist()],
            "target": [pieces.target.decode([index]) for index in translation.ids.tolist()],
            "weights": translator.attention(pair.source, translation.ids).tolist(),
        }
        for pair, translation in fit_on_a_page[:NUM_ALIGNED]
    ]
    path.write_text(to_json(examples, ensure_ascii=False) + "\n", encoding="utf-8")
