import functools
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqlab.core.errors import DataError, SeqlabError
from seqlab.data.bio import OUTSIDE, legalized, may_follow
from seqlab.data.loaders.conll import Sentence
from seqlab.data.synthetic.named_entities import NAMES, named_entity_sentences
from seqlab.data.tagged import TaggedSplits
from seqlab.layers.config import RecurrentConfig
from seqlab.tasks.base import Hyper
from seqlab.tasks.tagging import TaggingConfig, decode, make_model, make_task, read_as_unknown
from seqlab.tasks.tagging_data import NUM_CHARACTERS, Lexicon, most_frequent_tags
from seqlab.tasks.tagging_prediction import predict_split, tag_lines
from seqlab.tasks.tagging_scores import seqeval_scores, tag_scores
from seqlab.train.evaluate import evaluate_split
from tests.contracts.cases import jit
from tests.tasks.learning import learn


@functools.cache
def sentences():
    train, validation, test = (
        named_entity_sentences(np.random.default_rng(seed), rows, NAMES[:12]) for seed, rows in enumerate((24, 10, 13))
    )
    return TaggedSplits(train, validation, test, {}, "", "")


def config_of(**changes):
    recurrent = RecurrentConfig("vanilla", 8, bidirectional=True, engine="scan")
    sizes: dict[str, Any] = {"embedding_size": 6, "character_size": 4, "batch_size": 8, "eval_batch_size": 8}
    return TaggingConfig(**{"recurrent": recurrent, "char_encoder": "none", **sizes, **changes})


@functools.cache
def task_of(output_layer):
    return make_task(config_of(output_layer=output_layer), sentences())


@functools.cache
def lexicon():
    return Lexicon.build(sentences().train, 1)


@functools.cache
def params_of(output_layer):
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(task_of(output_layer).init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), leaf.dtype), shapes)


@functools.cache
def decoder(output_layer):
    """Tags [B, T], for inputs and lengths."""
    model = make_model(config_of(output_layer=output_layer), lexicon())
    return functools.partial(jit(functools.partial(decode, model, lexicon())), params_of(output_layer))


for_both_layers = pytest.mark.parametrize("output_layer", [pytest.param("softmax", marks=pytest.mark.slow), "crf"])


@for_both_layers
def test_a_batch_can_be_learned(output_layer):
    task = task_of(output_layer)
    _, losses = learn(task, 20 * [task.splits.train.batch(0)], jit=jit)
    assert losses[-1] < 0.7 * losses[0]


@for_both_layers
def test_the_scores_of_a_split_are_seqeval_s_on_its_sentences(output_layer):
    task, split = task_of(output_layer), sentences().test
    tags = predict_split(decoder(output_layer), task.splits.test, lexicon().tags)
    assert [len(row) for row in tags] == [len(sentence.words) for sentence in split]
    for row in tags:
        assert all(may_follow(*pair) for pair in zip([OUTSIDE, *row], row, strict=False))
    scores = evaluate_split(task, jit(task.evaluate), params_of(output_layer), "test")
    expected = [sentence.tags for sentence in split]
    by_seqeval = seqeval_scores(expected, tags)
    assert scores["entity_f1"] == pytest.approx(by_seqeval["seqeval_f1"])
    assert scores["entity_error"] == pytest.approx(1 - scores["entity_f1"])
    assert {"f1_person", "f1_place"} <= by_seqeval.keys()
    right = [
        mine == yours for row, truth in zip(tags, expected, strict=True) for mine, yours in zip(row, truth, strict=True)
    ]
    assert scores["accuracy"] == pytest.approx(np.mean(right))
    on_strings = tag_scores(expected, tags)
    assert on_strings == pytest.approx({name: scores[name] for name in on_strings})


@for_both_layers
def test_the_training_loss_without_noise_is_that_of_evaluation_by_word(output_layer):
    task, params = task_of(output_layer), params_of(output_layer)
    batch = task.splits.train.batch(0)
    loss = jit(task.loss)(params, (), batch, jax.random.key(0), Hyper())
    metrics, carry = jit(task.evaluate)(params, (), batch)
    assert carry == ()
    assert float(loss.weight) == batch.lengths.sum()
    np.testing.assert_allclose(loss.total / loss.weight, metrics["loss"].compute(), rtol=1e-5)


def test_rows_that_fill_a_batch_up_count_for_nothing():
    task, params = task_of("crf"), params_of("crf")
    batch = task.splits.test.batch(0)
    assert (batch.lengths == 0).sum() == 3
    evaluate = jit(task.evaluate)
    existing = jax.tree.map(lambda leaf: leaf[batch.lengths > 0], batch)
    for ours, theirs in zip(
        jax.tree.leaves(evaluate(params, (), batch)), jax.tree.leaves(evaluate(params, (), existing)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.slow
def test_the_outcome_is_written_sentence_by_sentence(tmp_path):
    (tmp_path / "predictions").mkdir()
    scores = task_of("crf").finish(params_of("crf"), tmp_path, jit)
    assert set(scores) == {"validation", "test"}
    lines = [json.loads(line) for line in (tmp_path / "predictions" / "test.jsonl").read_text().splitlines()]
    assert [tuple(line["words"]) for line in lines] == [sentence.words for sentence in sentences().test]
    assert [tuple(line["expected"]) for line in lines] == [sentence.tags for sentence in sentences().test]
    tags = [line["tags"] for line in lines]
    by_seqeval = seqeval_scores([line["expected"] for line in lines], tags)
    assert {name: scores["test"][name] for name in by_seqeval} == by_seqeval
    plain = evaluate_split(task_of("crf"), jit(task_of("crf").evaluate), params_of("crf"), "test")
    assert plain["entity_f1"] == pytest.approx(by_seqeval["seqeval_f1"])


def test_pretrained_vectors_start_the_embedding_of_known_words(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("the 1 2 3 4 5 6\nzebra 9 9 9 9 9 9\n")
    task = make_task(config_of(vectors=str(path)), sentences())
    table = jit(task.init)(jax.random.key(0))["embedding"]["embedding"]
    (row,) = lexicon().words.encode(["the"])
    assert table.shape == (lexicon().words.size, 6)
    assert table[row].tolist() == [1, 2, 3, 4, 5, 6]
    assert abs(table).sum(axis=-1).argmax() == row
    assert 0 < abs(np.delete(table, row, axis=0)).max() < 0.2
    with pytest.raises(SeqlabError, match=r"its vectors have 6 numbers; expected 5.*Use --embedding_size=6"):
        make_task(config_of(vectors=str(path), embedding_size=5), sentences())
    path.write_text("zebra 1 2\n")
    with pytest.raises(SeqlabError, match="none of its words is in the training split"):
        make_task(config_of(vectors=str(path)), sentences())


def test_lines_are_tagged_as_in_the_split_and_an_empty_one_has_nothing():
    split = sentences().test
    tags = predict_split(decoder("crf"), task_of("crf").splits.test, lexicon().tags)
    answers = tag_lines(decoder("crf"), lexicon(), [" ".join(split[0].words), "", "Zebra the"], with_characters=False)
    assert answers[0]["words"] == [*split[0].words]
    assert answers[0]["tags"] == tags[0]
    assert answers[0]["unknown"] == 0
    for entity in answers[0]["entities"]:
        assert entity["text"].split() == [*split[0].words[entity["start"] : entity["end"]]]
    assert answers[1] == {"words": [], "tags": [], "entities": [], "unknown": 0}
    assert answers[2]["unknown"] == 1
    with pytest.raises(SeqlabError, match="line 1: expected at most 1000 words; got 100000"):
        tag_lines(decoder("crf"), lexicon(), ["a " * 100_000])


def test_the_most_frequent_tag_of_each_word_is_the_baseline():
    train = [Sentence(("New", "York", "new"), ("B-x", "I-x", "O")), Sentence(("new",), ("O",))]
    held_out = [Sentence(("york", "NEW", "zebra"), ("B-x", "O", "O"))]
    assert most_frequent_tags(train, held_out) == [["B-x", "O", "O"]]
    baseline = task_of("crf").baselines()["most frequent tag"]["test"]
    tags = most_frequent_tags(sentences().train, sentences().test)
    assert all(row == legalized(row) for row in tags)
    by_seqeval = seqeval_scores([sentence.tags for sentence in sentences().test], tags)
    assert baseline["entity_f1"] == pytest.approx(by_seqeval["seqeval_f1"])
    assert baseline["entity_f1"] < 0.5


def test_words_are_lowercased_and_long_ones_keep_both_ends():
    encoded = lexicon().encode(["The", "the", "x" * 30 + "e"])
    assert encoded.shape == (3, 1 + NUM_CHARACTERS)
    assert encoded[0, 0] == encoded[1, 0] > 1
    assert (encoded[0] != encoded[1]).sum() == 1
    assert (encoded[2] > 0).sum() == NUM_CHARACTERS
    assert encoded[2, -1] == encoded[1, 3]
    assert (encoded[1, 1:] > 0).sum() == 3


def test_a_lexicon_is_read_back_as_it_was_written(tmp_path):
    for name, save in lexicon().artifacts().items():
        save(tmp_path / name)
    assert Lexicon.load(tmp_path) == lexicon()
    (tmp_path / "tags.json").write_text('["O", "person"]')
    with pytest.raises(DataError, match="expected a list of tags such as O and B-person"):
        Lexicon.load(tmp_path)
    (tmp_path / "tags.json").unlink()
    with pytest.raises(DataError, match=r"tags\.json: expected a list of tags in JSON"):
        Lexicon.load(tmp_path)


def test_words_are_read_as_unknown_at_their_rates_and_keep_their_characters():
    inputs = jnp.tile(jnp.array([[[0, 7], [1, 8], [2, 9]]]), (400, 1, 1))
    found = jit(read_as_unknown)(jax.random.key(0), inputs, jnp.array([0.5, 0.0, 0.25]))
    assert (found[..., 1] == inputs[..., 1]).all()
    assert (found[:, 1, 0] == 1).all()
    assert set(found[:, 2, 0].tolist()) == {0, 2}
    # 400 draws have a standard deviation of 0.022.
    assert float((found[:, 2, 0] == 0).mean()) == pytest.approx(0.25, abs=0.1)


@pytest.mark.slow
def test_with_a_large_count_training_reads_nothing_but_unknown_words():
    never, mostly = (make_task(config_of(unknown_count=count), sentences()) for count in (0.0, 1e6))
    batch, params = never.splits.train.batch(0), params_of("crf")
    losses = [float(jit(task.loss)(params, (), batch, jax.random.key(0), Hyper()).total) for task in (never, mostly)]
    unknown = batch._replace(inputs=np.zeros_like(batch.inputs))
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(
        float(jit(never.loss)(params, (), unknown, jax.random.key(0), Hyper()).total), rel=1e-3
    )
