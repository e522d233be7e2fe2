import functools
import json
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.parallel import Pair, ParallelSplits
from seqlab.data.vocabulary import BOUNDARY_ID
from seqlab.layers.config import RecurrentConfig
from seqlab.metrics.translation import translation_scores
from seqlab.models.translate import shifted
from seqlab.tasks.base import Hyper
from seqlab.tasks.translation import TranslationConfig, make_model, make_task
from seqlab.tasks.translation_data import Languages
from seqlab.tasks.translator import Translator
from seqlab.train import evaluate_split
from tests.tasks.learning import learn

NUMBERS = {"one": "un", "two": "deux", "three": "trois", "red": "rouge", "blue": "bleu", "and": "et"}


def pairs_of(seed, size):
    """Word by word, the other way around."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(list(NUMBERS), rng.integers(1, 6)).tolist() for _ in range(size)]
    return [
        Pair(" ".join(row), " ".join(NUMBERS[word] for word in reversed(row)), f"pairs:{number}")
        for number, row in enumerate(rows)
    ]


SPLITS = ParallelSplits(pairs_of(0, 40), pairs_of(1, 13), pairs_of(2, 11), {}, "pairs", "none", tokenized=True)


def config_of(**changes):
    sizes: dict[str, Any] = {"embedding_size": 8, "batch_size": 8, "eval_batch_size": 8}
    layers = RecurrentConfig("gru", hidden_size=12, engine="scan")
    return TranslationConfig(**{"recurrent": layers, "attention": "multiplicative", **sizes, **changes})


@functools.cache
def task_of(**changes):
    return make_task(config_of(**changes), SPLITS)


@functools.cache
def languages():
    return Languages.build(SPLITS.train, "word", 1, 0)


@functools.cache
def params_of():
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(task_of().init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype), shapes)


@functools.cache
def translator(batch_size=8):
    return Translator(make_model(config_of(), languages()), params_of(), languages(), jax.jit, batch_size)


@pytest.mark.parametrize("scheduled_sampling_rate", [0.0, 0.3])
def test_a_batch_can_be_learned(scheduled_sampling_rate):
    task = task_of(scheduled_sampling_rate=scheduled_sampling_rate)
    hyper = Hyper(dropout_rate=0.1, label_smoothing=0.1)
    _, losses = learn(task, 20 * [task.splits.train.batch(1)], hyper=hyper)
    assert losses[-1] < 0.7 * min(losses[:3])


def test_a_share_of_guesses_changes_what_is_read_and_a_share_of_none_nothing():
    batch = task_of().splits.train.batch(0)
    losses = {}
    for rate in (0.0, 0.5):
        task = task_of(scheduled_sampling_rate=rate) if rate else task_of()
        losses[rate] = float(jax.jit(task.loss)(params_of(), (), batch, jax.random.key(0), Hyper()).total)
    plain, _ = jax.jit(task_of().evaluate)(params_of(), (), batch)
    assert losses[0.0] == pytest.approx(float(plain["loss"].total), rel=1e-6)
    assert abs(losses[0.5] - losses[0.0]) > 1e-3


def test_scores_of_a_split_are_the_mean_over_all_its_tokens():
    found = evaluate_split(task_of(), jax.jit(task_of().evaluate), params_of(), "validation")
    model, total, count = make_model(config_of(), languages()), 0.0, 0
    rows = languages().rows(SPLITS.validation)
    apply = jax.jit(lambda *given: model.apply({"params": params_of()}, given[0], given[1], lengths=given[2]))
    for source, target, length in zip(rows.inputs, rows.targets, rows.lengths, strict=True):
        padded = jnp.asarray([np.pad(target, (0, 8 - len(target)))])
        decoded: Any = apply(jnp.asarray([np.pad(source, (0, 8 - len(source)))]), shifted(padded), jnp.array([length]))
        log_p = np.asarray(jax.nn.log_softmax(decoded.logits))[0]
        total -= sum(float(log_p[step, token]) for step, token in enumerate(target))
        count += len(target)
        assert target[-1] == BOUNDARY_ID
    assert found["loss"] == pytest.approx(total / count, rel=1e-5)
    assert found["perplexity"] == pytest.approx(np.exp(total / count), rel=1e-5)


def test_a_translation_depends_neither_on_its_neighbours_nor_on_the_batch():
    sources = [pair.source for pair in SPLITS.test]
    together = translator()(sources, width=2)
    for chosen in ([3], [5, 1]):
        for place, alone in zip(chosen, translator()([sources[place] for place in chosen], width=2), strict=True):
            assert alone.text == together[place].text
            assert alone.log_probability == pytest.approx(together[place].log_probability, rel=1e-5)


def test_a_wider_beam_never_finds_a_less_probable_translation():
    sources = [pair.source for pair in SPLITS.test]
    greedy, wide = (translator()(sources, width=width, length_penalty=0.0) for width in (1, 60))
    gains = [b.log_probability - a.log_probability for a, b in zip(greedy, wide, strict=True)]
    assert min(gains) > -1e-5
    assert max(gains) > 1e-3


def test_finishing_writes_what_was_scored(tmp_path):
    scores = task_of(beam_width=2).finish(params_of(), tmp_path, jax.jit)
    for name in ("validation", "test"):
        lines = [json.loads(line) for line in (tmp_path / "predictions" / f"{name}.jsonl").read_text().splitlines()]
        split = getattr(SPLITS, name)
        assert [(line["source"], line["reference"]) for line in lines] == [pair[:2] for pair in split]
        expected = translation_scores(
            [line["translation"] for line in lines], [pair.target for pair in split], tokenized=True
        )
        assert {key: scores[name][key] for key in expected} == expected
        assert sum(group["num_sentences"] for group in scores[name]["bleu_by_length"]) == len(split)
    for example in json.loads((tmp_path / "predictions" / "attention.json").read_text()):
        weights = np.array(example["weights"])
        assert weights.shape == (len(example["target"]), len(example["source"]))
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


@pytest.fixture(autouse=True)
def predictions_folder(tmp_path):
    (tmp_path / "predictions").mkdir()


def test_codecs_come_from_the_training_split_alone_and_survive_their_files(tmp_path):
    test = [Pair("one unseen", "un inconnu", "here")]
    task = make_task(config_of(), replace(SPLITS, validation=test, test=test))
    for name, save in task.artifacts.items():
        save(tmp_path / name)
    loaded = Languages.load(tmp_path, "word")
    assert loaded.source.size == len(NUMBERS) + 2
    assert loaded.source.encode("one unseen").tolist()[1] == 0
    assert loaded == languages()


def test_an_empty_side_is_said_with_its_place():
    with pytest.raises(DataError, match="pairs:7: expected words on both sides"):
        make_task(config_of(), replace(SPLITS, test=[Pair("one", " ", "pairs:7")]))
    with pytest.raises(SeqlabError, match="line 2: expected a sentence to translate"):
        translator()(["one", " "])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": "char"}, "unknown tokens 'char'. Known: bpe, unigram, word"),
        ({"attention": "dot"}, "unknown attention 'dot'"),
        ({"scheduled_sampling_rate": 1.5}, "must lie in"),
        ({"beam_width": 0}, "at least 1"),
    ],
)
def test_wrong_configurations_are_refused(changes, message):
    with pytest.raises(SeqlabError, match=message):
        make_task(config_of(**changes), SPLITS)
