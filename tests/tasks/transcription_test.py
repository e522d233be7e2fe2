import functools
import itertools
import json
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.audio_features import AudioConfig
from seqlab.data.loaders.transcripts import Utterance
from seqlab.data.loaders.wav import Recording
from seqlab.data.splits import DataSplits
from seqlab.data.synthetic.tone_words import whistle
from seqlab.layers.config import RecurrentConfig
from seqlab.layers.convolution import ConvolutionConfig
from seqlab.layers.spec_augment import SpecAugmentConfig
from seqlab.metrics.transcription import transcription_scores
from seqlab.models.ctc_search import best_path, prefix_beam_search
from seqlab.tasks.base import Hyper
from seqlab.tasks.spoken_words import features_of
from seqlab.tasks.transcriber import Search, Transcriber
from seqlab.tasks.transcription import TranscriptionConfig, make_model, make_task
from seqlab.tasks.transcription_data import SpeechReader
from tests.tasks.learning import learn

AUDIO = AudioConfig(num_bands=12, window_ms=64.0, hop_ms=40.0)


def utterances_of(seed, size) -> Sequence[Utterance]:
    # Short ones, which are all padded alike.
    drawn = (whistle(np.random.default_rng((seed, row)), f"rows:{row}") for row in range(100))
    return list(itertools.islice((row for row in drawn if row.recording.seconds < 2.5), size))


SPLITS = DataSplits(utterances_of(0, 12), utterances_of(1, 4), utterances_of(2, 5), {}, "rows", "none")


def config_of(**changes):
    layers = {
        "recurrent": RecurrentConfig("vanilla", 8, bidirectional=True, engine="scan"),
        "convolution": ConvolutionConfig(conv_layers=1, conv_size=8, conv_kernel=3, conv_stride=2),
        "masks": SpecAugmentConfig(time_masks=1, frequency_masks=1, frequency_mask_width=2),
    }
    return TranscriptionConfig(
        **{"audio": AUDIO, "reset_rate": 0.02, "batch_size": 6, "eval_batch_size": 4, **layers, **changes}
    )


@functools.cache
def task():
    return make_task(config_of(beam_width=3), SPLITS)


@functools.cache
def reader_of(tokens="word"):
    config, train = config_of(), SPLITS.train
    features = [features_of(row.recording, AUDIO) for row in train]
    return SpeechReader.build(AUDIO, tokens, config.convolution, [row.transcript for row in train], features)


@functools.cache
def params_of():
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(task().init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype), shapes)


@functools.cache
def transcriber():
    return Transcriber(make_model(config_of(), reader_of()), params_of(), reader_of(), jax.jit, batch_size=4)


def test_a_batch_can_be_learned():
    _, losses = learn(task(), 20 * [task().splits.train.batch(1)], hyper=Hyper(dropout_rate=0.05))
    assert losses[-1] < 0.7 * min(losses[:2])


def test_transcripts_do_not_depend_on_their_neighbours_and_finishing_writes_what_was_scored(tmp_path):
    (tmp_path / "predictions").mkdir()
    scores = task().finish(params_of(), tmp_path, jax.jit)
    for name in ("validation", "test"):
        split = getattr(SPLITS, name)
        lines = [json.loads(line) for line in (tmp_path / "predictions" / f"{name}.jsonl").read_text().splitlines()]
        references = [row.transcript for row in split]
        assert [line["reference"] for line in lines] == references
        for texts, ending in (("transcript", ""), ("greedy", "_greedy")):
            expected = transcription_scores([line[texts] for line in lines], references)
            assert [scores[name][score + ending] for score in ("wer", "cer")] == [expected["wer"], expected["cer"]]
        worst = [row["wer"] for row in scores[name]["worst"]]
        assert worst == sorted(worst, reverse=True)
        for line, row in list(zip(lines, split, strict=True))[:1]:
            (log_probs,) = transcriber().log_probs([reader_of().features(row.recording)])
            found = prefix_beam_search(log_probs, 3)[0]
            assert line["transcript"] == reader_of().text(found.labels)
            assert line["greedy"] == reader_of().text(best_path(log_probs).labels)
            assert line["log_probability"] == pytest.approx(found.log_probability, rel=1e-3, abs=1e-3)
            assert [said["word"] for said in line["words"]] == line["transcript"].split()
    (first, *_) = json.loads((tmp_path / "predictions" / "alignment.json").read_text())
    assert [said["word"] for said in first["words"]] == SPLITS.test[0].transcript.split()
    np.testing.assert_allclose(np.sum(first["probabilities"], axis=1), 1, atol=0.01)
    baselines = task().baselines()
    assert {row["test"]["wer"] > 0.5 for row in baselines.values()} == {True}


def test_features_and_labels_come_from_the_training_split_alone_and_survive_their_file(tmp_path):
    for name, save in task().artifacts.items():
        save(tmp_path / name)
    loaded = SpeechReader.load(tmp_path, AUDIO, "word", config_of().convolution)
    assert loaded == reader_of()
    scaled = np.concatenate([loaded.features(row.recording) for row in SPLITS.train])
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-3)
    assert loaded.text(loaded.encode("low rise low", "").tolist()) == "low rise low"
    assert reader_of("char").text(reader_of("char").encode("low rise", "").tolist()) == "low rise"


def test_words_of_characters_last_from_their_first_to_their_last():
    reader = reader_of("char")
    labels = reader.encode("low hi", "").tolist()
    log_probs = np.full((12, reader.num_classes), -9.0)
    # A frame each from the second on, with a blank in the midst of "low".
    path = [0, labels[0], labels[1], 0, *labels[2:], 0, 0, 0, 0]
    log_probs[np.arange(12), path] = -0.01
    said = Transcriber(make_model(config_of(), reader), {}, reader).words(log_probs, labels)
    assert [row.word for row in said] == ["low", "hi"]
    assert [(row.start_seconds, row.end_seconds) for row in said] == [(0.072, 0.392), (0.472, 0.632)]
    assert reader.seconds_each == pytest.approx(0.08)


def test_a_language_model_decides_between_what_sounds_alike():
    reader = reader_of()
    fall, low = reader.labels.index("fall") + 1, reader.labels.index("low") + 1
    log_probs = np.log(np.full((1, reader.num_classes), 0.01))
    log_probs[0, [fall, low]] = np.log([0.5, 0.4])

    def language(prefix):
        scores = np.full(reader.num_classes + 1, -5.0)
        scores[low], scores[-1] = -0.1, -0.1
        return scores

    found: dict[str, Any] = {}
    for name, search in (("alone", Search(4)), ("judged", Search(4, language, 1.0, 0.5))):
        found[name] = transcriber().search(log_probs, search)
    assert (found["alone"].text, found["judged"].text) == ("fall", "low")
    assert found["judged"].labelling.labels == (low,)
    assert found["judged"].log_probability == pytest.approx(np.log(0.4))
    assert found["judged"].labelling.score == pytest.approx(np.log(0.4) + 0.3)


def test_transcripts_that_cannot_be_learned_are_refused_with_their_place():
    short = Utterance(Recording(SPLITS.test[0].recording.samples[:2400], 8000, "short.wav"), "low " * 9)
    wrong: Sequence[Utterance]
    for wrong, message in (
        ([short], r"short.wav: expected at least 17 frames for its 9 labels"),
        ([short._replace(transcript="low sigh")], r"short.wav: the word 'sigh' is in no training transcript"),
    ):
        with pytest.raises(DataError, match=message):
            make_task(config_of(), DataSplits(SPLITS.train, SPLITS.validation, wrong, {}, "", ""))
    silent: Sequence[Utterance] = [row._replace(transcript="") for row in SPLITS.train]
    with pytest.raises(DataError, match="expected words in the transcripts to train on"):
        make_task(config_of(), DataSplits(silent, SPLITS.validation, SPLITS.test, {}, "", ""))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": "bpe"}, "unknown tokens of a transcript 'bpe'. Known: char, word"),
        ({"beam_width": 0}, "beam_width must be at least 1"),
        ({"reset_rate": 1.0}, r"reset_rate must lie in \[0, 1\)"),
        ({"recurrent": RecurrentConfig("grue")}, "unknown cell 'grue'"),
    ],
)
def test_wrong_configurations_are_refused(changes, message):
    with pytest.raises(SeqlabError, match=message):
        make_task(config_of(**changes), SPLITS)
