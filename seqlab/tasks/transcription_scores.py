"""What is said of a transcription model at the end: word and character errors, the worst recordings, an alignment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seqlab.core.strict_json import to_json
from seqlab.data.loaders.recordings import SpokenWord
from seqlab.data.loaders.transcripts import Utterance
from seqlab.data.splits import HELD_OUT
from seqlab.data.transcribed import TranscribedSplits
from seqlab.metrics.transcription import transcription_scores, word_error_rates
from seqlab.tasks.spoken_words import spectrogram
from seqlab.tasks.transcriber import Search, Transcriber, Transcript
from seqlab.tasks.transcription_data import SpeechReader

NUM_SHOWN, NUM_WORST, NUM_ALIGNED = 5, 5, 2


def split_scores(
    transcriber: Transcriber,
    utterances: TranscribedSplits,
    features: Mapping[str, Sequence[np.ndarray]],
    search: Search,
    folder: Path,
) -> dict[str, dict[str, Any]]:
    """Scores of both held-out splits: by the search, ``..._greedy``, and where there is a language model without it.

    The last end on ``_without_language``; what a label is worth stays. ``folder`` gets all
    transcripts as ``validation.jsonl`` and ``test.jsonl``, and ``alignment.json``: recordings of the test split with
    the model's probabilities over time and where it says the words.
    """
    scores = {}
    for name in HELD_OUT:
        split: Sequence[Utterance] = getattr(utterances, name)
        log_probs = transcriber.log_probs(features[name])
        references = [utterance.transcript for utterance in split]
        found = [transcriber.search(one, search) for one in log_probs]
        greedy = [transcriber.greedy(one).text for one in log_probs]
        scores[name] = _all_scores(split, [one.text for one in found]) | {
            f"{score}_greedy": transcription_scores(greedy, references)[score] for score in ("wer", "cer")
        }
        if search.language is not None:
            alone = replace(search, language=None, language_weight=0.0)
            plain = [transcriber.search(one, alone).text for one in log_probs]
            without = transcription_scores(plain, references)
            scores[name] |= {f"{score}_without_language": without[score] for score in ("wer", "cer")}
        _write_transcripts(folder / f"{name}.jsonl", transcriber, split, log_probs, found, greedy)
        if name == "test":
            _write_alignments(folder / "alignment.json", transcriber, split, log_probs)
    return scores


def baseline_scores(
    utterances: TranscribedSplits, num_frames: Mapping[str, Sequence[int]]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores of one transcript for all, the most frequent one, and of the most frequent word.

    The latter is written once for every so many frames as a word has in the mean in training.
    """
    transcripts = [utterance.transcript for utterance in utterances.train]
    words = Counter(word for text in transcripts for word in text.split())
    frames_a_word = sum(num_frames["train"]) / max(1, words.total())
    common, word = Counter(transcripts).most_common(1)[0][0], words.most_common(1)[0][0]
    found: dict[str, dict[str, dict[str, Any]]] = {"most frequent transcript": {}, "most frequent word": {}}
    for name in HELD_OUT:
        references = [utterance.transcript for utterance in getattr(utterances, name)]
        matched = [" ".join([word] * round(frames / frames_a_word)) for frames in num_frames[name]]
        for baseline, texts in zip(found, ([common] * len(references), matched), strict=True):
            found[baseline][name] = dict(transcription_scores(texts, references))
    return found


def shown(transcriber: Transcriber, split: Sequence[Utterance], features: Sequence[np.ndarray]) -> str:
    """A few recordings: what is said, and the labelling of the model's best path."""
    log_probs = transcriber.log_probs(features)
    return "".join(
        f"  said  {utterance.transcript}\n heard  {transcriber.greedy(one).text}\n"
        for utterance, one in zip(split, log_probs, strict=True)
    )


def _all_scores(split: Sequence[Utterance], texts: Sequence[str]) -> dict[str, Any]:
    """Scores of a split, of each speaker, and its worst transcripts."""
    references = [utterance.transcript for utterance in split]
    rates = word_error_rates(texts, references)
    wrong = [row for row in range(len(split)) if rates[row]]
    worst = sorted(wrong, key=lambda row: -rates[row])[:NUM_WORST]
    scores: dict[str, Any] = {
        **transcription_scores(texts, references),
        "mean_wer_of_a_recording": float(np.mean(rates)),
        "worst": [
            {"recording": row + 1, "wer": rates[row], "reference": references[row], "transcript": texts[row]}
            for row in worst
        ],
    }
    speakers = sorted({utterance.speaker for utterance in split if utterance.speaker})
    if speakers:
        rows = {name: [row for row, one in enumerate(split) if one.speaker == name] for name in speakers}
        scores["wer_by_speaker"] = {
            name: transcription_scores([texts[row] for row in own], [references[row] for row in own])["wer"]
            for name, own in rows.items()
        }
    return scores


def _write_transcripts(
    path: Path,
    transcriber: Transcriber,
    split: Sequence[Utterance],
    log_probs: Sequence[np.ndarray],
    found: Sequence[Transcript],
    greedy: Sequence[str],
) -> None:
    lines = [
        to_json(
            {
                "row": row,
                "name": Path(utterance.recording.source).name,
                "reference": utterance.transcript,
                "transcript": transcript.text,
                "greedy": path_text,
                "log_probability": transcript.log_probability,
                "words": [said._asdict() for said in transcriber.words(one, transcript.labelling.labels)],
            },
            ensure_ascii=False,
        )
        for row, (utterance, one, transcript, path_text) in enumerate(
            zip(split, log_probs, found, greedy, strict=True), start=1
        )
    ]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _spectrogram(utterance: Utterance, reader: SpeechReader) -> dict[str, Any]:
    sound, name = utterance.recording, Path(utterance.recording.source).name
    return spectrogram(SpokenWord(sound.samples, sound.rate, utterance.transcript, name), reader.audio)


def _write_alignments(
    path: Path, transcriber: Transcriber, split: Sequence[Utterance], log_probs: Sequence[np.ndarray]
) -> None:
    reader = transcriber.reader
    chosen = [row for row, utterance in enumerate(split) if utterance.transcript][:NUM_ALIGNED]
    examples = [
        {
            "spectrogram": _spectrogram(split[row], reader),
            "labels": ["blank", *reader.labels],
            "probabilities": np.round(np.exp(log_probs[row]), 3).tolist(),
            "first_seconds": reader.first_seconds,
            "seconds_each": reader.seconds_each,
            "words": [
                said._asdict()
                for said in transcriber.words(log_probs[row], reader.encode(split[row].transcript, "").tolist())
            ],
        }
        for row in chosen
    ]
    path.write_text(to_json(examples, ensure_ascii=False) + "\n", encoding="utf-8")
